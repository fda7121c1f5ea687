// What only a cache on a server can suffer: the server away at the start, killed, hung, full.
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { startRedis } from '../servers/redis.ts'
import { servers } from '../servers/servers.ts'
import { openTestCache, untilAway, untilConnected } from './cache-backends.ts'

const { redis } = await servers('redis')
const value = Uint8Array.of(1, 2, 3)

describe.skipIf(!redis)('the cache in Redis', () => {
  it('starts while the server is away, misses, and works when it comes', async () => {
    await using server = await startRedis()
    await server.kill()
    await using place = await openTestCache({ url: server.url }, 'away')
    await place.cache.set('a', value, 60)
    expect(await place.cache.get('a')).toBeUndefined()
    expect(await place.cache.getMany(['a', 'b'])).toEqual([undefined, undefined])
    await place.cache.delete(['a'])
    await expect(place.cache.ping()).rejects.toMatchObject({ kind: 'unavailable' })
    await server.restart()
    await untilConnected(place.cache)
    await place.cache.set('a', value, 60)
    expect(await place.cache.get('a')).toEqual(Buffer.from(value))
  })

  it('misses while the server is killed in the middle of its work, and comes back by itself', async () => {
    await using server = await startRedis()
    await using place = await openTestCache({ url: server.url })
    for (let outage = 0; outage < 3; outage++) {
      await place.cache.set('a', value, 60)
      const busy = Array.from({ length: 500 }, () => place.cache.get('a'))
      await server.kill()
      const answers = await Promise.all([...busy, place.cache.get('a'), place.cache.getMany(['a'])])
      expect(answers.at(-1)).toEqual([undefined])
      await untilAway(place.cache)
      await server.restart()
      await untilConnected(place.cache)
      expect(await place.cache.get('a')).toBeUndefined() // it had kept nothing on disk
    }
    expect(place.lines.filter((line) => line.startsWith('Redis is away')).length).toBe(3)
    expect(place.lines.filter((line) => line.startsWith('Redis is back')).length).toBe(3)
  })

  it('misses when an answer takes too long, asks no more until it is answered again, and warns once', async () => {
    await using server = await startRedis()
    await using place = await openTestCache({ url: server.url, timeoutMs: 100 })
    await place.cache.set('a', value, 60)
    server.freeze()
    expect(await place.cache.get('a')).toBeUndefined()
    expect(place.cache.status().connected).toBe(false)
    for (let i = 0; i < 100; i++) expect(await place.cache.get('a')).toBeUndefined()
    await expect(place.cache.ping()).rejects.toMatchObject({ kind: 'unavailable' })
    server.thaw()
    // Not healthy before it is used again.
    await expect(place.cache.ping()).rejects.toMatchObject({ kind: 'unavailable' })
    await untilConnected(place.cache)
    await place.cache.ping()
    expect(await place.cache.get('a')).toEqual(Buffer.from(value))
    expect(place.lines.filter((line) => line.startsWith('Redis is away')).length).toBe(1)
    expect(await callsOf('get', server.url)).toBe(2)
  })

  it('gives up a connection that stays silent for a new one', async () => {
    await using server = await startRedis()
    await using place = await openTestCache({ url: server.url, timeoutMs: 50 })
    const watcher = new Redis(server.url)
    const before = await clientIds(watcher)
    server.freeze()
    await place.cache.get('a')
    await sleep(6000)
    server.thaw()
    await untilConnected(place.cache)
    expect(await clientIds(watcher)).not.toEqual(before)
    watcher.disconnect()
  })

  it('drops what a full server refuses, says so once, and goes on', async () => {
    await using server = await startRedis()
    const admin = new Redis(server.url)
    await admin.config('SET', 'maxmemory', '1')
    await using place = await openTestCache({ url: server.url })
    for (let i = 0; i < 10; i++) await place.cache.set('a', value, 60)
    expect(place.cache.status().connected).toBe(true)
    expect(place.lines.filter((line) => line.includes('refuses')).length).toBe(1)
    await admin.config('SET', 'maxmemory', '0')
    await place.cache.set('a', value, 60)
    expect(await place.cache.get('a')).toEqual(Buffer.from(value))
    admin.disconnect()
  })

  it('shows credentials nowhere', async () => {
    const { host } = new URL(redis!.url)
    await using place = await openTestCache({ url: `redis://:wrong-secret@${host}/0` }, 'away')
    while (place.lines.length === 0) await sleep(10)
    const error = await place.cache.ping().catch((error: unknown) => error)
    expect(error).toMatchObject({ kind: 'unavailable' })
    expect(place.cache.status()).toEqual({ connected: false, url: `redis://${host}/0` })
    expect(`${place.lines.join()}${error}${(error as Error).stack}`).not.toContain('wrong-secret')
    await expect(openTestCache({ url: 'redis://:wrong-secret@host:port:port' })).rejects.toThrow(/REDIS_URL/)
  })
})

async function clientIds(watcher: Redis): Promise<readonly string[]> {
  const list = String(await watcher.client('LIST'))
  return [...list.matchAll(/^id=(\d+)/gm)].map((match) => match[1]!)
}

/** How many commands of this name have reached the server. */
async function callsOf(command: string, url: string): Promise<number> {
  const client = new Redis(url)
  const stats = await client.info('commandstats')
  client.disconnect()
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}
