// A cache inside this process, bounded in entries and bytes; what was used longest ago goes first.
import { LRUCache } from 'lru-cache'
import { fail } from '../../core/failure.ts'
import { type Cache, type CacheEntry, revisionOf } from './index.ts'
import type { CacheOptions } from './open.ts'

const MAX_ENTRIES = 100_000
const MAX_BYTES = 64 * 1024 * 1024
/** About what an entry costs besides its key and value. */
const ENTRY_BYTES = 200
/** The library takes 0 for "for ever" and wants whole milliseconds. */
const SHORTEST_MS = 1

export function openInProcessCache({
  maxEntries = MAX_ENTRIES,
  maxBytes = MAX_BYTES,
}: Pick<CacheOptions, 'maxEntries' | 'maxBytes'>): Cache {
  const entries = new LRUCache<string, Uint8Array>({
    max: maxEntries,
    maxSize: maxBytes,
    sizeCalculation: (value, key) => value.byteLength + key.length * 2 + ENTRY_BYTES,
  })
  let closed = false
  const set = (key: string, value: Uint8Array, ttlSeconds: number) => {
    if (closed) return
    if (ttlSeconds > 0) entries.set(key, value, { ttl: Math.max(SHORTEST_MS, Math.round(ttlSeconds * 1000)) })
    else entries.delete(key)
  }
  /** With a revision. */
  const setNewer = (entry: CacheEntry & { readonly revision: number }) => {
    const known = entries.get(entry.key)
    if (known && revisionOf(known) > entry.revision) return
    set(entry.key, entry.value, entry.ttlSeconds)
  }
  return {
    shared: false,
    get: async (key) => entries.get(key),
    getMany: async (keys) => keys.map((key) => entries.get(key)),
    set: async (key, value, ttlSeconds) => set(key, value, ttlSeconds),
    async setMany(list) {
      for (const entry of list) {
        if (entry.revision === undefined) set(entry.key, entry.value, entry.ttlSeconds)
        else setNewer({ ...entry, revision: entry.revision })
      }
    },
    async delete(keys) {
      for (const key of keys) entries.delete(key)
    },
    async ping() {
      if (closed) throw fail('unavailable', 'CACHE_UNAVAILABLE', 'The cache is closed')
    },
    status: () => ({ connected: !closed, url: 'in-process' }),
    async close() {
      closed = true
      entries.clear()
    },
  }
}
