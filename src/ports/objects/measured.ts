// Counts and digests a body while it flows by, so that storing never reads it twice.
import { createHash } from 'node:crypto'
import { unlessAborted } from '../../core/unless-aborted.ts'
import type { ObjectBody, PutOptions, StoredObject } from './index.ts'

export interface MeasuredBody {
  readonly chunks: AsyncIterable<Uint8Array>
  /** Valid once `chunks` has been read to its end. */
  result(): StoredObject
}

/** Stops with the signal's reason when it fires, also while the source is silent. */
export function measured(body: ObjectBody, { signal, sha256 }: Pick<PutOptions, 'signal' | 'sha256'>): MeasuredBody {
  const hash = sha256 === undefined ? createHash('sha256') : undefined
  let size = 0
  async function* chunks(): AsyncIterable<Uint8Array> {
    for await (const chunk of untilAborted(body instanceof Uint8Array ? [body] : body, signal)) {
      hash?.update(chunk)
      size += chunk.byteLength
      yield chunk
    }
  }
  return { chunks: chunks(), result: () => ({ size, sha256: sha256 ?? hash!.digest('hex') }) }
}

async function* untilAborted(
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  signal?.throwIfAborted()
  if (!signal) return yield* source
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  let finished = false
  try {
    for (;;) {
      // Not a race with one promise of the end: that would keep every chunk until then.
      const next = await unlessAborted(Promise.resolve(iterator.next()), signal)
      if (next.done) {
        finished = true
        return
      }
      yield next.value
    }
  } finally {
    // Not awaited: a generator that hangs in `next` would not return before that is done.
    if (!finished) void Promise.resolve(iterator.return?.()).catch(() => {})
  }
}
