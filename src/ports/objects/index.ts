// The objects port: files by key, in a folder or in S3. An object is there completely or not at all, whatever dies while it
// is written; there is no rename and no append, because S3 has neither.
import type { Readable } from 'node:stream'

export type ObjectBody = Uint8Array | Readable | AsyncIterable<Uint8Array>

export interface StoredObject {
  /** Bytes. */
  readonly size: number
  /** Lower-case hex digest of the content. */
  readonly sha256: string
}

export interface ObjectStat {
  readonly size: number
  readonly modifiedAt: Date
}

export interface PutOptions {
  readonly signal?: AbortSignal
  /** Fails where the key has an object, which stays as it is. (A server for S3 that knows no conditions may replace one that comes at the same moment.) */
  readonly unless?: 'exists'
  /** Of the body, in hex, where it is known: it is not computed again. */
  readonly sha256?: string | undefined
}

export interface ObjectEntry {
  readonly key: string
  readonly size: number
  /** Another one as soon as the content is; undefined where that cannot be told, as of a file that was written a moment ago. */
  readonly etag: string | undefined
}

/** Bytes `start` to `end`, both counted from 0 and both included, as in HTTP; what lies past the end is left out. */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

export interface LocalFileOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * Keys: 1 to 900 characters, parts joined by `/`, each part 1 to 200 of `A-Z a-z 0-9 . _ - = @ + ~`, not beginning with a
 * dot; anything else is `invalid` (`OBJECT_KEY_INVALID`). A key must not be the beginning of another up to a `/`: a folder
 * cannot hold both `a` and `a/b` (`conflict`, `OBJECT_KEY_TAKEN`). What is there already: `conflict`, `OBJECT_EXISTS`.
 *
 * Failures: `not_found` (`OBJECT_NOT_FOUND`) from `get` and `localFile`; `unavailable` (`OBJECTS_UNAVAILABLE`,
 * `OBJECTS_DENIED`, `BUCKET_MISSING`, `STORAGE_FULL`) whenever a retry makes sense once the cause is gone.
 */
export interface Objects {
  /**
   * Visible only when complete; replaces atomically. What the source throws is passed on, and nothing is left behind. Chunks that were lent
   * (core/memory) may be given back.
   */
  put(key: string, body: ObjectBody, options?: PutOptions): Promise<StoredObject>
  /** The stream must be read to its end or destroyed. */
  get(key: string, range?: ByteRange): Promise<Readable>
  stat(key: string): Promise<ObjectStat | undefined>
  /** All objects whose key begins with `prefix` (any text, not only whole parts), in the order of their bytes. */
  list(prefix: string): AsyncIterable<ObjectEntry>
  /** Keys that do not exist are fine. */
  delete(keys: readonly string[]): Promise<void>
  /**
   * Hands `use` a path with the object's content, to be read only and only until `use` is done. Where the signal fires before that, its
   * reason is thrown; `use` is not stopped by it.
   */
  localFile<T>(key: string, use: (path: string) => Promise<T>, options?: LocalFileOptions): Promise<T>
  ping(): Promise<void>
  close(): Promise<void>
}
