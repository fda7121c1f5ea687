// The cache port: bytes by key that may be gone at any moment. It never fails a caller: a cache that is away misses.

export interface CacheEntry {
  readonly key: string
  /** Not to be changed afterwards. */
  readonly value: Uint8Array
  /** Seconds, also fractions; 0 or less: not kept. */
  readonly ttlSeconds: number
  /**
   * A value with one replaces only what has none or no higher one, so that whoever comes late puts nothing old back. The value then
   * begins with it, as `revised` writes it.
   */
  readonly revision?: number
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
  /**
   * While the cache is away, what was to be deleted or had a revision is remembered and deleted when it is back, before anything
   * is read. If the process ends before that, a value lives on until its end.
   */
  delete(keys: readonly string[]): Promise<void>
  /** @throws `unavailable` (`CACHE_UNAVAILABLE`) */
  ping(): Promise<void>
  status(): CacheStatus
  /** Whether all replicas see the same. */
  readonly shared: boolean
  close(): Promise<void>
}

const DIGITS = 16

/** The bytes of a value with a revision: a whole number from 0 to 2^53. */
export function revised(revision: number, value: string): Uint8Array {
  return Buffer.from(String(revision).padStart(DIGITS, '0') + value)
}

/** What `readRevised` says, without reading the value. */
export function revisionOf(bytes: Uint8Array): number {
  return Number(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', 0, DIGITS))
}

/** What `revised` was given; a value without a revision is not to be asked. */
export function readRevised(bytes: Uint8Array): { readonly revision: number; readonly value: string } {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return { revision: Number(text.slice(0, DIGITS)), value: text.slice(DIGITS) }
}
