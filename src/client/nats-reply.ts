// Reads a reply that lies in the object store of NATS: chunk by chunk, a few asked for ahead, so that a file is no larger in
// memory than these. Asking is all it does, again where the server is away for a moment; it holds nothing there.
import { createHash } from 'node:crypto'
import { systemClock } from '../core/clock.ts'
import { fail } from '../core/failure.ts'
import { chunkSubject, digestText, nameOfDataref, REPLY_STREAM, type ReplyReference } from '../core/reply-object.ts'

/** There is no such message; nobody has such messages; the server is there and says nothing; it is not there. */
export type Refused = 'missing' | 'no store' | 'silent' | 'away'

export interface ObjectReader {
  /** The last message of a subject. Rejects where asking again would not help. */
  ask(subject: string): Promise<Uint8Array | Refused>
  /** Called once all of it was read, or nobody wants the rest. */
  done(name: string): void
  readonly timeoutMs: number
}

const AHEAD = 4
const PAUSE_MS = 200
/**
 * How much each tells that the reply is gone: in a cluster a chunk may reach the server that is asked a little later than the
 * reference did the client, a server that starts has its store a little after it answers, one without the stream may say nothing
 * of it for ever, and one that is away tells nothing.
 */
const WEIGHT: Readonly<Record<Refused, number>> = { missing: 5, 'no store': 1, silent: 5, away: 0 }
const GONE_AT = 25

export function readReplyObject(reference: ReplyReference, reader: ObjectReader): ReadableStream<Uint8Array> {
  const name = nameOfDataref(reference.dataref)
  if (name === undefined)
    throw fail('internal', 'UNREADABLE_REPLY', `"${reference.dataref}" is no reply of the service`)
  const { chunks, size_bytes, digest } = reference
  const asked: Promise<Uint8Array>[] = []
  const hash = createHash('sha256')
  let next = 0
  let size = 0
  const askAhead = () => {
    for (; next < chunks && asked.length < AHEAD; next++) {
      const chunk = askChunk(name, next, reader, reference)
      chunk.catch(() => {})
      asked.push(chunk)
    }
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        askAhead()
        const chunk = await asked.shift()
        if (chunk !== undefined) {
          size += chunk.length
          hash.update(chunk)
          askAhead()
          return controller.enqueue(chunk)
        }
        reader.done(name)
        if (size === size_bytes && digestText(hash.digest()) === digest) return controller.close()
        throw fail('internal', 'UNREADABLE_REPLY', `The reply in NATS is damaged: ${size} of ${size_bytes} bytes`)
      },
      cancel: () => reader.done(name),
    },
    { highWaterMark: 0 },
  )
}

async function askChunk(
  name: string,
  chunk: number,
  { ask, timeoutMs }: ObjectReader,
  { expires_at }: ReplyReference,
): Promise<Uint8Array> {
  const subject = `$JS.API.DIRECT.GET.${REPLY_STREAM}.${chunkSubject(name, chunk)}`
  const deadline = systemClock.elapsedMs() + timeoutMs
  for (let missing = 0; missing < GONE_AT; ) {
    const answer = await ask(subject)
    if (typeof answer !== 'string') return answer
    missing += WEIGHT[answer]
    const gone = missing >= GONE_AT
    if (!gone && systemClock.elapsedMs() > deadline) {
      throw fail('unavailable', 'TIMEOUT', `NATS did not give the reply within ${timeoutMs} ms`)
    }
    if (!gone) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  const words = `The reply was kept in NATS until ${expires_at} at most and is gone; ask again`
  throw fail('unavailable', 'REPLY_GONE', words)
}
