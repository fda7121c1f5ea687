import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { silentLog } from '../../../core/log.ts'
import { openFolder } from '../../../ports/objects/folder.ts'
import type { Objects } from '../../../ports/objects/index.ts'
import { Known, scanModels } from './scan.ts'

let folder: string
let objects: Objects
/** By key; a store that cannot tell says nothing. */
let etags: Readonly<Record<string, string>> = {}
let read: string[] = []

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
