// The cache port: bytes by key that may be gone at any moment. It never fails a caller: a cache that is away misses.

export interface CacheEntry {
  readonly key: string
  /** Not to be changed afterwards. */
  readonly value: Uint8Array
  /** Seconds, also fractions; 0 or less: not kept. */
  readonly ttlSeconds: number
}

export interface CacheStatus {
  readonly connected: boolean
  /** Without credentials. */
  readonly url: string
}

/** No method but `ping` rejects. Values must not be changed by who reads them. */
export interface Cache {
  get(key: string): Promise<Uint8Array | undefined>
  /** One result a key, in the order of the keys. */
  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>
  set(key: string, value: Uint8Array, ttlSeconds: number): Promise<void>
  setMany(entries: readonly CacheEntry[]): Promise<void>
  /** While the cache is away this is lost: choose keys that need no deletion, or live with a value until its end. */
  delete(keys: readonly string[]): Promise<void>
  /** @throws `unavailable` (`CACHE_UNAVAILABLE`) */
  ping(): Promise<void>
  status(): CacheStatus
  close(): Promise<void>
}
