import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fail } from '../../../core/failure.ts'
import { silentLog } from '../../../core/log.ts'
import { openFolder } from '../../../ports/objects/folder.ts'
import type { Objects } from '../../../ports/objects/index.ts'
import { Known, scanModels } from './scan.ts'

let folder: string
let objects: Objects
/** By key; a store that cannot tell says nothing. */
let etags: Readonly<Record<string, string>> = {}
let read: string[] = []
/** Keys that the store fails to give at the moment. */
let away: readonly string[] = []

const CURRENT = 'models/adder/CURRENT'

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-scan-'))
  const stored = await openFolder(folder)
  for (const version of ['1.0.0', '2.0.0']) {
    await stored.put(`models/adder/versions/${version}/model.onnx`, Buffer.from('graph'))
  }
  await stored.put(CURRENT, Buffer.from('1.0.0\n'))
  objects = {
    ...stored,
    async *list(prefix) {
      for await (const entry of stored.list(prefix)) yield { ...entry, etag: etags[entry.key] }
    },
    get(key, range) {
      read.push(key)
      if (away.includes(key)) throw fail('unavailable', 'OBJECTS_UNAVAILABLE', 'The store is away')
      return stored.get(key, range)
    },
  }
})
afterAll(() => rm(folder, { recursive: true }))

async function scan(known: Known) {
  read = []
  const [found] = await scanModels({ objects, log: silentLog }, known)
  return { current: found?.current, read }
}

it('CURRENT is read again only when it is another one', async () => {
  const known = new Known()
  etags = { [CURRENT]: 'a' }
  expect(await scan(known)).toEqual({ current: '1.0.0', read: [CURRENT] })
  expect(await scan(known)).toEqual({ current: '1.0.0', read: [] })
  await objects.put(CURRENT, Buffer.from('2.0.0\n'))
  etags = { [CURRENT]: 'b' }
  expect(await scan(known)).toEqual({ current: '2.0.0', read: [CURRENT] })
  expect(await scan(known)).toEqual({ current: '2.0.0', read: [] })
})

it('CURRENT is read at every look while nobody can tell whether it changed', async () => {
  const known = new Known()
  etags = {}
  await objects.put(CURRENT, Buffer.from('1.0.0\n'))
  expect(await scan(known)).toEqual({ current: '1.0.0', read: [CURRENT] })
  await objects.put(CURRENT, Buffer.from('2.0.0\n'))
  expect(await scan(known)).toEqual({ current: '2.0.0', read: [CURRENT] })
})

describe('while files are on their way', () => {
  const THIRD = 'models/adder/versions/3.0.0'
  const metadata = (columns: number) => {
    const inputs = Array.from({ length: columns }, (_, i) => ({ name: `column_${i}`, dtype: 'number', nullable: true }))
    const signature = { inputs, outputs: [{ name: 'y', dtype: 'number' }] }
    return Buffer.from(JSON.stringify({ model_name: 'sums', model_type: 'regression', signature }))
  }
  const look = async (known: Known) => (await scanModels({ objects, log: silentLog }, known))[0]

  it('a version is what is there of it so far, and whole in the end', async () => {
    const known = new Known()
    await objects.put(`${THIRD}/model.onnx`, Buffer.from('graph'))
    expect((await look(known))?.versions.get('3.0.0')).toMatchObject({ modelType: 'custom', modelName: 'adder' })
    await objects.put(`${THIRD}/metadata.json`, metadata(20_000))
    const whole = (await look(known))?.versions.get('3.0.0')
    expect(whole).toMatchObject({ modelType: 'regression', modelName: 'sums' })
    expect((await look(known))?.versions.get('3.0.0')).toBe(whole)
  })

  it('half of a version does no harm to the others', async () => {
    const known = new Known()
    await objects.put(`${THIRD}/metadata.json`, metadata(1).subarray(0, 30))
    expect([...(await look(known))!.versions.keys()]).toEqual(['1.0.0', '2.0.0'])
    await objects.put(`${THIRD}/metadata.json`, metadata(1))
    expect([...(await look(known))!.versions.keys()]).toEqual(['1.0.0', '2.0.0', '3.0.0'])
  })

  it('a model that cannot be read for a moment is as it was', async () => {
    const known = new Known()
    etags = {}
    await objects.put(CURRENT, Buffer.from('1.0.0\n'))
    const before = await look(known)
    away = [CURRENT]
    expect(await look(known)).toBe(before)
    expect(await look(new Known())).toBeUndefined()
    away = []
    await objects.put(CURRENT, Buffer.from('2.0.0\n'))
    expect((await look(known))?.current).toBe('2.0.0')
  })
})
