// What only a folder can suffer: kill -9 in the middle of a put, left-overs, symbolic links.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import { lend } from '../../src/core/memory.ts'
import { seededRandom } from '../../src/core/random.ts'
import { listFolder } from '../../src/ports/objects/folder-walk.ts'
import { openObjects } from '../../src/ports/objects/open.ts'
import { backends, keysOf, piecesOf, read } from './objects-backends.ts'

const folder = backends.find(({ name }) => name === 'folder')!
const BYTES = 1 << 20
const KILLS = 12

async function openWithPath() {
  const place = await folder.open()
  if (place.options.storage !== 'local') throw new Error('not a folder')
  return { ...place, path: place.options.path }
}

it('a folder shows no partial object after kill -9, and every acknowledged one', async () => {
  await using place = await openWithPath()
  const random = seededRandom(7)
  for (let kill = 0; kill < KILLS; kill++) {
    const acknowledged = await writeUntilKilled(place.path, Math.floor(random.next() * 150))
    const objects = await openObjects(place.options)
    for await (const { key, size } of objects.list('')) {
      const content = await buffer(await objects.get(key))
      expect(size, key).toBe(BYTES)
      expect(content.equals(Buffer.alloc(BYTES, content[0])), key).toBe(true)
    }
    for (let round = 0; round <= acknowledged; round++) {
      expect((await objects.stat(`models/a/${round}/model`))?.size).toBe(BYTES)
    }
    await objects.delete(await keysOf(objects, ''))
  }
})

it('a folder frees what it was lent, once that is stored, and nothing else', async () => {
  await using place = await openWithPath()
  const own = Buffer.alloc(BYTES, 'o')
  const lent = lend(Buffer.alloc(BYTES, 'l'))
  const { size } = await place.objects.put('a', Readable.from([own, lent]))
  expect([size, own.length, lent.length]).toEqual([2 * BYTES, BYTES, 0])
  expect((await buffer(await place.objects.get('a'))).equals(Buffer.from('o'.repeat(BYTES) + 'l'.repeat(BYTES)))).toBe(
    true,
  )
})

/** Lets the writer run until `afterMs` after its first acknowledgement, kills it, and returns the last round it said. */
async function writeUntilKilled(path: string, afterMs: number): Promise<number> {
  const script = join(import.meta.dirname, 'objects-writer.ts')
  const child = spawn(process.execPath, [script, path, String(BYTES)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk) => (said += chunk))
  await once(child.stdout, 'data')
  await sleep(afterMs)
  child.kill('SIGKILL')
  await once(child, 'close')
  const lines = said.split('\n').slice(0, -1)
  return Number(lines.at(-1))
}

it('a folder is cleared of old left-overs when opened, not of files being written', async () => {
  await using place = await openWithPath()
  const incoming = join(place.path, '.incoming')
  await writeFile(join(incoming, 'old'), 'x')
  await writeFile(join(incoming, 'young'), 'x')
  const twoHoursAgo = new Date(Date.now() - 7_200_000)
  await utimes(join(incoming, 'old'), twoHoursAgo, twoHoursAgo)
  await openObjects(place.options)
  expect(await readdir(incoming)).toEqual(['young'])
})

it('a folder keeps nothing of a put that failed', async () => {
  await using place = await openWithPath()
  await expect(place.objects.put('a', piecesOf('abc', new Error('source')))).rejects.toThrow('source')
  expect(await readdir(join(place.path, '.incoming'))).toEqual([])
})

it('a folder follows no symbolic link out of itself', async () => {
  await using outside = await openWithPath()
  await using place = await openWithPath()
  await outside.objects.put('secret', Buffer.from('secret'))
  await symlink(outside.path, join(place.path, 'way-out'))
  await symlink(join(outside.path, 'secret'), join(place.path, 'file'))
  await expect(place.objects.get('way-out/secret')).rejects.toMatchObject({ kind: 'invalid' })
  await expect(place.objects.put('way-out/new/file', Buffer.from('x'))).rejects.toMatchObject({ kind: 'invalid' })
  await expect(place.objects.delete(['way-out/secret'])).rejects.toMatchObject({ kind: 'invalid' })
  await expect(place.objects.get('file')).rejects.toMatchObject({ kind: 'not_found' })
  expect(await keysOf(place.objects, '')).toEqual([])
  await place.objects.put('file', Buffer.from('mine'))
  expect(await readFile(join(outside.path, 'secret'), 'utf8')).toBe('secret')
  expect(await readdir(outside.path)).toEqual(['.incoming', 'secret'])
})

it('a folder refuses a key inside or above an object', async () => {
  await using place = await openWithPath()
  await place.objects.put('a/b', Buffer.from('x'))
  for (const key of ['a', 'a/b/c']) {
    await expect(place.objects.put(key, Buffer.from('y'))).rejects.toMatchObject({ code: 'OBJECT_KEY_TAKEN' })
  }
  expect(await read(await place.objects.get('a/b'))).toBe('x')
})

it('a folder removes empty directories without losing a concurrent put', async () => {
  await using place = await openWithPath()
  const rounds = Array.from({ length: 200 }, (_, i) => i)
  await Promise.all(
    rounds.map(async (i) => {
      await place.objects.put(`d/e/${i}`, Buffer.from('x'))
      if (i % 2) await place.objects.delete([`d/e/${i}`])
    }),
  )
  expect((await keysOf(place.objects, 'd/')).length).toBe(100)
  await place.objects.delete(await keysOf(place.objects, 'd/'))
  expect((await readdir(place.path)).toSorted()).toEqual(['.incoming'])
})

it('a folder that cannot be written fails its ping', async () => {
  await using place = await openWithPath()
  await rm(place.path, { recursive: true })
  await expect(place.objects.ping()).rejects.toMatchObject({ kind: 'unavailable' })
  await mkdir(place.path)
})

it('a file of a folder has an etag once no other content can come under its time', async () => {
  await using place = await openWithPath()
  const file = join(place.path, 'CURRENT')
  const etag = async (clock: Clock) => {
    for await (const entry of listFolder(place.path, 'CURRENT', clock)) return entry.etag
    return 'not there'
  }
  const later: Clock = { ...systemClock, now: () => new Date(Date.now() + 10_000) }
  await writeFile(file, '1.0.0')
  expect(await etag(systemClock)).toBeUndefined()
  const first = await etag(later)
  expect(first).toBeDefined()
  expect(await etag(later)).toBe(first)
  await sleep(20)
  await writeFile(file, '2.0.0')
  await utimes(file, new Date(0), new Date(0))
  expect(await etag(later)).not.toBe(first)
})
