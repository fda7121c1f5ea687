// What both back ends of the cache port promise.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { readRevised, revised } from '../../src/ports/cache/index.ts'
import { backends, openTestCache } from './cache-backends.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)
const plain = (value: Uint8Array | undefined) => value && [...value]

for (const backend of backends) {
  describe.skipIf(backend.missing)(`the cache, ${backend.name}`, () => {
    it('gives back the bytes that were set, and nothing for other keys', async () => {
      await using place = await backend.open()
      await place.cache.set('a', bytes(0, 255, 13, 10, 128), 60)
      expect(plain(await place.cache.get('a'))).toEqual([0, 255, 13, 10, 128])
      expect(await place.cache.get('b')).toBeUndefined()
    })

    it('takes a part of a larger buffer for what it is', async () => {
      await using place = await backend.open()
      await place.cache.set('a', bytes(1, 2, 3, 4).subarray(1, 3), 60)
      expect(plain(await place.cache.get('a'))).toEqual([2, 3])
    })

    it('tells an empty value from none', async () => {
      await using place = await backend.open()
      await place.cache.set('empty', bytes(), 60)
      expect(plain(await place.cache.get('empty'))).toEqual([])
    })

    it('answers many keys in their order', async () => {
      await using place = await backend.open()
      await place.cache.setMany([
        { key: 'a', value: bytes(1), ttlSeconds: 60 },
        { key: 'b', value: bytes(2), ttlSeconds: 60 },
      ])
      const found = await place.cache.getMany(['b', 'none', 'a', 'b'])
      expect(found.map(plain)).toEqual([[2], undefined, [1], [2]])
      expect(await place.cache.getMany([])).toEqual([])
      await place.cache.setMany([])
    })

    it('takes, gives and deletes very many, and answers who asks for one meanwhile', async () => {
      await using place = await backend.open()
      const { cache } = place
      const keys = Array.from({ length: 20_000 }, (_, i) => `key${i}`)
      const entries = keys.map((key, i) => ({ key, value: revised(i, `value ${i}`), revision: i, ttlSeconds: 60 }))
      const done: string[] = []
      const setting = cache.setMany(entries).then(() => done.push('many'))
      await cache.get('key0').then(() => done.push('one'))
      await setting
      if (cache.shared) expect(done).toEqual(['one', 'many'])
      const found = await cache.getMany([...keys, 'none'])
      expect(found.map((value) => value && readRevised(value).value)).toEqual([
        ...keys.map((_, i) => `value ${i}`),
        undefined,
      ])
      await cache.delete(keys)
      expect((await cache.getMany(keys)).every((value) => value === undefined)).toBe(true)
      expect(cache.status().connected).toBe(true)
    })

    it('replaces and deletes', async () => {
      await using place = await backend.open()
      await place.cache.set('a', bytes(1), 60)
      await place.cache.set('a', bytes(2), 60)
      expect(plain(await place.cache.get('a'))).toEqual([2])
      await place.cache.delete(['a', 'never there'])
      await place.cache.delete([])
      expect(await place.cache.get('a')).toBeUndefined()
    })

    it('forgets a value at its end', async () => {
      await using place = await backend.open()
      await place.cache.set('short', bytes(1), 0.05)
      await place.cache.set('long', bytes(1), 60)
      while (await place.cache.get('short')) await sleep(10)
      expect(plain(await place.cache.get('long'))).toEqual([1])
    })

    it('puts nothing old over something newer, in whatever order it comes', async () => {
      await using place = await backend.open()
      const put = (revision: number, value = `"${revision}"`) =>
        place.cache.setMany([{ key: 'a', value: revised(revision, value), revision, ttlSeconds: 60 }])
      const kept = async () => readRevised((await place.cache.get('a'))!)
      for (const revision of [3, 20, 4, 19]) await put(revision)
      expect(await kept()).toEqual({ revision: 20, value: '"20"' })
      await put(20, 'ü')
      expect(await kept()).toEqual({ revision: 20, value: 'ü' })
      await put(2 ** 53 - 1, '')
      expect(await kept()).toEqual({ revision: 2 ** 53 - 1, value: '' })
      await place.cache.delete(['a'])
      await put(1)
      expect(await kept()).toEqual({ revision: 1, value: '"1"' })
    })

    it('keeps nothing for no time, and what was there is gone', async () => {
      await using place = await backend.open()
      await place.cache.set('a', bytes(1), 60)
      await place.cache.set('a', bytes(2), 0)
      expect(await place.cache.get('a')).toBeUndefined()
    })

    it('answers a ping while it is open, and misses afterwards', async () => {
      await using place = await backend.open()
      await place.cache.ping()
      await place.cache.set('a', bytes(1), 60)
      await place.cache.close()
      await expect(place.cache.ping()).rejects.toMatchObject({ kind: 'unavailable', code: 'CACHE_UNAVAILABLE' })
      await place.cache.set('a', bytes(1), 60)
      expect(await place.cache.get('a')).toBeUndefined()
      expect(place.cache.status().connected).toBe(false)
    })

    it('is apart from other caches', async () => {
      await using one = await backend.open()
      await using two = await backend.open()
      await one.cache.set('a', bytes(1), 60)
      expect(await two.cache.get('a')).toBeUndefined()
    })
  })
}

describe('the in-process cache', () => {
  it('drops what was used longest ago when it has too many entries', async () => {
    await using place = await openTestCache({ maxEntries: 3 })
    for (const key of ['a', 'b', 'c']) await place.cache.set(key, bytes(1), 60)
    await place.cache.get('a')
    await place.cache.set('d', bytes(1), 60)
    const found = await place.cache.getMany(['a', 'b', 'c', 'd'])
    expect(found.map((value) => value !== undefined)).toEqual([true, false, true, true])
  })

  it('drops what was used longest ago when it has too many bytes, and takes nothing larger than itself', async () => {
    await using place = await openTestCache({ maxBytes: 10_000 })
    for (const key of ['a', 'b', 'c']) await place.cache.set(key, new Uint8Array(4000), 60)
    expect((await place.cache.getMany(['a', 'b', 'c'])).map((value) => value?.length)).toEqual([undefined, 4000, 4000])
    await place.cache.set('huge', new Uint8Array(20_000), 60)
    expect(await place.cache.get('huge')).toBeUndefined()
  })
})
