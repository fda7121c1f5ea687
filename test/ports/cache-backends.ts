// Both back ends of the cache port, each with keys of its own.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LogFields, silentLog } from '../../src/core/log.ts'
import type { Cache } from '../../src/ports/cache/index.ts'
import { type CacheOptions, openCache } from '../../src/ports/cache/open.ts'
import { servers } from '../servers/servers.ts'

const { redis } = await servers('redis')

export interface TestCache extends AsyncDisposable {
  readonly cache: Cache
  /** What was logged, one line each. */
  readonly lines: readonly string[]
}

export const backends = [
  { name: 'in-process', missing: false, open: () => openTestCache({}) },
  { name: 'Redis', missing: !redis, open: () => openTestCache({ url: redis!.url }) },
] as const

/** Waits for the connection unless told that there is no server. */
export async function openTestCache(options: Partial<CacheOptions>, expected = 'connected'): Promise<TestCache> {
  const lines: string[] = []
  const line = (fields: LogFields, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`)
  const log = { ...silentLog, info: line, warn: line, error: line }
  const cache = await openCache({ log, prefix: `${randomUUID()}:`, ...options })
  if (expected === 'connected') await untilConnected(cache)
  return { cache, lines, [Symbol.asyncDispose]: () => cache.close() }
}

export async function untilConnected(cache: Cache): Promise<void> {
  while (!cache.status().connected) await sleep(10)
}

export async function untilAway(cache: Cache): Promise<void> {
  while (cache.status().connected) await sleep(10)
}
