// What both back ends of the objects port promise.
import { createHash, randomBytes } from 'node:crypto'
import { access, readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { fail } from '../../src/core/failure.ts'
import { backends, entriesOf, keysOf, piecesOf, read } from './objects-backends.ts'

const notFound = expect.objectContaining({ kind: 'not_found', code: 'OBJECT_NOT_FOUND' })
const invalidKey = expect.objectContaining({ kind: 'invalid', code: 'OBJECT_KEY_INVALID' })

for (const backend of backends) {
  describe.skipIf(backend.missing)(`objects in ${backend.name}`, () => {
    it('gives back what was put, with size and digest', async () => {
      await using place = await backend.open()
      const stored = await place.objects.put('models/a.b-c_d/model.onnx', Buffer.from('hello'))
      expect(stored).toEqual({ size: 5, sha256: createHash('sha256').update('hello').digest('hex') })
      expect(await read(await place.objects.get('models/a.b-c_d/model.onnx'))).toBe('hello')
    })

    it('takes streams and iterables larger than one part', async () => {
      await using place = await backend.open()
      const block = randomBytes(1 << 20)
      const source = async function* () {
        for (let i = 0; i < 20; i++) yield block
      }
      const expected = createHash('sha256')
      for (let i = 0; i < 20; i++) expected.update(block)
      const sha256 = expected.digest('hex')
      expect(await place.objects.put('iterable', source())).toEqual({ size: 20 << 20, sha256 })
      expect(await place.objects.put('stream', Readable.from(source()))).toEqual({ size: 20 << 20, sha256 })
      const hash = createHash('sha256')
      for await (const chunk of await place.objects.get('stream')) hash.update(chunk)
      expect(hash.digest('hex')).toBe(sha256)
    })

    it('stores empty objects', async () => {
      await using place = await backend.open()
      expect((await place.objects.put('empty', piecesOf())).size).toBe(0)
      expect(await read(await place.objects.get('empty'))).toBe('')
      expect((await place.objects.stat('empty'))?.size).toBe(0)
    })

    it('replaces an object as a whole', async () => {
      await using place = await backend.open()
      await place.objects.put('a', Buffer.from('a long first content'))
      await place.objects.put('a', Buffer.from('short'))
      expect(await read(await place.objects.get('a'))).toBe('short')
    })

    it('leaves an object as it is for whoever stores only what is not there', async () => {
      await using place = await backend.open()
      const once = { unless: 'exists' } as const
      const large = () => Buffer.alloc(20 << 20, 'x')
      expect((await place.objects.put('a/b', Buffer.from('first'), once)).size).toBe(5)
      const exists = expect.objectContaining({ kind: 'conflict', code: 'OBJECT_EXISTS' })
      for (const body of [Buffer.from('second'), large()]) {
        await expect(place.objects.put('a/b', body, once)).rejects.toEqual(exists)
      }
      expect(await read(await place.objects.get('a/b'))).toBe('first')
      expect(await keysOf(place.objects, '')).toEqual(['a/b'])
      await place.objects.delete(['a/b'])
      expect((await place.objects.put('a/b', Buffer.from('third'), once)).size).toBe(5)
    })

    it('shows a reader the old content until the new one is complete', async () => {
      await using place = await backend.open()
      await place.objects.put('a', Buffer.from('old'))
      const { promise: held, resolve: release } = Promise.withResolvers<void>()
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
      const source = async function* () {
        yield Buffer.from('new ')
        begin()
        await held
        yield Buffer.from('content')
      }
      const putting = place.objects.put('a', source())
      await begun
      expect(await read(await place.objects.get('a'))).toBe('old')
      release()
      await putting
      expect(await read(await place.objects.get('a'))).toBe('new content')
    })

    it('serves ranges as HTTP counts them, and nothing past the end', async () => {
      await using place = await backend.open()
      await place.objects.put('a', Buffer.from('0123456789'))
      const range = async (start: number, end?: number) =>
        read(await place.objects.get('a', { start, ...(end !== undefined && { end }) }))
      expect(await range(2, 4)).toBe('234')
      expect(await range(7)).toBe('789')
      expect(await range(8, 100)).toBe('89')
      expect(await range(10, 12)).toBe('')
      await expect(range(4, 2)).rejects.toMatchObject({ kind: 'invalid' })
    })

    it('says that an object is absent', async () => {
      await using place = await backend.open()
      await place.objects.put('folder/a', Buffer.from('x'))
      for (const key of ['b', 'folder', 'folder/a/b']) {
        await expect(place.objects.get(key)).rejects.toEqual(notFound)
        await expect(place.objects.localFile(key, async () => {})).rejects.toEqual(notFound)
        expect(await place.objects.stat(key)).toBeUndefined()
      }
    })

    it('lists by any beginning of the key, in byte order', async () => {
      await using place = await backend.open()
      const keys = ['n', 'm/b', 'm/a/y', 'm/a.txt', 'm/a-1/x']
      for (const key of keys) await place.objects.put(key, Buffer.from(key))
      expect(await keysOf(place.objects, '')).toEqual(['m/a-1/x', 'm/a.txt', 'm/a/y', 'm/b', 'n'])
      expect(await keysOf(place.objects, 'm/a')).toEqual(['m/a-1/x', 'm/a.txt', 'm/a/y'])
      expect(await keysOf(place.objects, 'm/a/')).toEqual(['m/a/y'])
      expect(await keysOf(place.objects, 'absent/')).toEqual([])
      expect(await entriesOf(place.objects, 'n')).toMatchObject([{ key: 'n', size: 1 }])
    })

    it('never lists another content under the same etag', async () => {
      await using place = await backend.open()
      const etags: unknown[] = []
      for (const content of ['1.0.0', '2.0.0', '2.0.1']) {
        await place.objects.put('CURRENT', Buffer.from(content))
        const [entry] = await entriesOf(place.objects, 'CURRENT')
        if (entry?.etag !== undefined) etags.push(entry.etag)
      }
      expect(new Set(etags).size).toBe(etags.length)
    })

    it('deletes, and does not mind what is not there', async () => {
      await using place = await backend.open()
      const keys = Array.from({ length: 40 }, (_, i) => `d/${i}/x`)
      await Promise.all(keys.map((key) => place.objects.put(key, Buffer.from(key))))
      await place.objects.put('kept', Buffer.from('x'))
      await place.objects.delete([...keys, 'never/there'])
      await place.objects.delete([])
      expect(await keysOf(place.objects, '')).toEqual(['kept'])
    })

    it('refuses keys that are no keys', async () => {
      await using place = await backend.open()
      const bad = ['', '/a', 'a/', 'a//b', '../a', 'a/../b', './a', 'a/.hidden', 'a\0b', 'a\\b', 'ä', 'x'.repeat(201)]
      for (const key of bad) {
        await expect(place.objects.put(key, Buffer.from('x')), key).rejects.toEqual(invalidKey)
        await expect(place.objects.get(key), key).rejects.toEqual(invalidKey)
        await expect(place.objects.stat(key), key).rejects.toEqual(invalidKey)
        await expect(place.objects.delete([key]), key).rejects.toEqual(invalidKey)
      }
      await expect(keysOf(place.objects, '../')).rejects.toEqual(invalidKey)
    })

    it('takes every character a key may have', async () => {
      await using place = await backend.open()
      const key = 'Az09._-=@+~/1.2.0-rc.1+build'
      await place.objects.put(key, Buffer.from('x'))
      expect(await keysOf(place.objects, 'Az09')).toEqual([key])
      expect(await read(await place.objects.get(key))).toBe('x')
    })

    it('passes on the failure of a source and leaves nothing', async () => {
      await using place = await backend.open()
      const failure = fail('too_large', 'TEST', 'too large')
      const large = 'x'.repeat(9 << 20)
      await expect(place.objects.put('small', piecesOf('abc', failure))).rejects.toBe(failure)
      await expect(place.objects.put('large', piecesOf(large, large, failure))).rejects.toBe(failure)
      await expect(place.objects.put('stream', Readable.from(piecesOf('abc', failure)))).rejects.toBe(failure)
      expect(await keysOf(place.objects, '')).toEqual([])
    })

    it('stops at a signal, also while the source is silent, and leaves nothing', async () => {
      await using place = await backend.open()
      const stop = new AbortController()
      const putting = place.objects.put('a', piecesOf('abc', new Promise(() => {})), { signal: stop.signal })
      const reason = new Error('enough')
      setImmediate(() => stop.abort(reason))
      await expect(putting).rejects.toBe(reason)
      expect(await keysOf(place.objects, '')).toEqual([])
    })

    it('does not read a source faster than it stores', async () => {
      await using place = await backend.open()
      let produced = 0
      const stop = new AbortController()
      const source = async function* () {
        for (; produced < 4000; produced++) yield Buffer.alloc(1 << 20)
      }
      const putting = place.objects.put('a', source(), { signal: stop.signal }).catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, 300))
      stop.abort()
      await putting
      expect(produced).toBeLessThan(4000)
      expect(process.memoryUsage().rss).toBeLessThan(1 << 30)
    })

    it('lends a file for as long as it is used', async () => {
      await using place = await backend.open()
      await place.objects.put('data/day.csv', Buffer.from('a,b\n1,2\n'))
      const path = await place.objects.localFile('data/day.csv', async (path) => {
        expect(await readFile(path, 'utf8')).toBe('a,b\n1,2\n')
        return path
      })
      expect(path.endsWith('day.csv')).toBe(true)
      if (backend.name === 's3') await expect(access(path)).rejects.toThrow()
      await expect(
        place.objects.localFile('data/day.csv', () => Promise.reject(new Error('the user failed'))),
      ).rejects.toThrow('the user failed')
    })

    it('lends no file to somebody who gave up before it was there', async () => {
      await using place = await backend.open()
      await place.objects.put('data/large', Buffer.alloc(8_000_000, 'a'))
      const stop = new AbortController()
      const lent: string[] = []
      const asked = place.objects.localFile('data/large', async (path) => void lent.push(path), { signal: stop.signal })
      stop.abort(new Error('given up'))
      await expect(asked).rejects.toThrow('given up')
      expect(lent).toEqual([])
    })

    it('keeps the last of many writers, whole', async () => {
      await using place = await backend.open()
      const bodies = Array.from({ length: 8 }, (_, i) => String(i).repeat(100_000))
      await Promise.all(bodies.map((body) => place.objects.put('same/key', Buffer.from(body))))
      expect(bodies).toContain(await read(await place.objects.get('same/key')))
    })

    it('answers a ping', async () => {
      await using place = await backend.open()
      await place.objects.ping()
    })
  })
}
