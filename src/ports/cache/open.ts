// Chooses the cache by URL: `redis://…` for one shared by all replicas, none for one inside this process.
import type { Log } from '../../core/log.ts'
import { openInProcessCache } from './in-process.ts'
import type { Cache } from './index.ts'

export interface CacheOptions {
  readonly log: Log
  /** `redis://user:password@host:port/db` or `rediss://…`. Undefined: in-process. */
  readonly url?: string | undefined
  /** Redis: put before every key; default `modelyard:`. */
  readonly prefix?: string
  /** Redis: an answer that takes longer is a miss; default 250. */
  readonly timeoutMs?: number
  /** In-process: default 100,000. */
  readonly maxEntries?: number
  /** In-process: keys and values together; default 64 MiB. */
  readonly maxBytes?: number
}

/** Returns at once, whether or not the server is there. @throws `invalid` for a URL that cannot be read. */
export async function openCache(options: CacheOptions): Promise<Cache> {
  if (options.url === undefined) return openInProcessCache(options)
  const { openRedisCache } = await import('./redis.ts')
  return openRedisCache({ ...options, url: options.url })
}
