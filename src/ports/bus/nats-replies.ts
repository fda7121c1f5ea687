// Replies larger than a message, in an object store of NATS (ADR-20) that is made and bounded here. When it is full the oldest
// go, which are those most likely read: other object stores refuse what is new instead, and whoever left replies unread would
// shut out everybody else.
import { createHash, randomBytes } from 'node:crypto'
import { type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection, nanos } from '@nats-io/transport-node'
import { systemClock } from '../../core/clock.ts'
import { fail, type MlError } from '../../core/failure.ts'
import {
  chunkSubject,
  datarefOf,
  digestText,
  isReplyName,
  REPLY_BUCKET,
  REPLY_STREAM,
  type ReplyReference,
  replyName,
} from '../../core/reply-object.ts'
import type { KeptReply } from '../../core/responder.ts'
import { ensureStream } from './nats-stream.ts'
import { DUPLICATE_WINDOW_MS } from './rules.ts'

export interface ReplyLimits {
  readonly maxBytes: number
  readonly maxAgeSeconds: number
}

interface KeepLimits extends ReplyLimits {
  /** Of a message. */
  readonly mostBytes: number
}

const ASK_MS = 5_000
const CHUNK_BYTES = 256 * 1024
/** Sent ahead of their acknowledgements. */
const IN_FLIGHT = 4
const SECRET_BYTES = 18

export async function keepReply(
  connection: NatsConnection,
  reply: KeptReply,
  limits: KeepLimits,
): Promise<ReplyReference> {
  const name = replyName(reply.tenantId, randomBytes(SECRET_BYTES).toString('base64url'))
  try {
    await kept(ensureBucket(connection, limits))
    const put = await putChunks(jetstream(connection, { timeout: ASK_MS }), { name, reply, limits })
    const reference: ReplyReference = {
      dataref: datarefOf(name),
      ...put,
      content_type: reply.contentType,
      expires_at: new Date(systemClock.now().getTime() + limits.maxAgeSeconds * 1000).toISOString(),
    }
    await kept(putMetadata(connection, name, reference))
    return reference
  } catch (error) {
    await removeReply(connection, name).catch(() => {})
    throw error
  }
}

/** Forgets it at once, chunks and metadata. A name that is none, or of nothing, is left alone. */
export async function removeReply(connection: NatsConnection, name: string): Promise<void> {
  if (!isReplyName(name)) return
  const { streams } = await jetstreamManager(connection, { checkAPI: false, timeout: ASK_MS })
  await streams.purge(REPLY_STREAM, { filter: chunkSubject(name, '*') })
  await streams.purge(REPLY_STREAM, { filter: metadataSubject(name) })
}

/** Asked every time: the server may have lost its store, and beside so large a reply a question is nothing. */
async function ensureBucket(connection: NatsConnection, { maxBytes, maxAgeSeconds }: ReplyLimits): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: ASK_MS })
  const maxAgeMs = maxAgeSeconds * 1000
  await ensureStream(manager, {
    name: REPLY_STREAM,
    subjects: [`$O.${REPLY_BUCKET}.C.>`, `$O.${REPLY_BUCKET}.M.>`],
    max_age: nanos(maxAgeMs),
    max_bytes: maxBytes,
    duplicate_window: nanos(Math.min(maxAgeMs, DUPLICATE_WINDOW_MS)),
    num_replicas: 1,
    allow_direct: true,
    allow_rollup_hdrs: true,
  })
}

interface Putting {
  readonly name: string
  readonly reply: KeptReply
  readonly limits: KeepLimits
}

async function putChunks(client: JetStreamClient, { name, reply, limits }: Putting) {
  const most = limits.maxBytes / 2
  const hash = createHash('sha256')
  const sent: Promise<unknown>[] = []
  let size = 0
  let chunks = 0
  for await (const chunk of inChunks(reply.content, Math.min(CHUNK_BYTES, limits.mostBytes))) {
    reply.signal.throwIfAborted()
    size += chunk.length
    if (size > most) throw tooLarge(most)
    hash.update(chunk)
    const put = kept(client.publish(chunkSubject(name, chunks++), chunk, { timeout: ASK_MS }))
    // What fails is thrown where it is awaited, below.
    put.catch(() => {})
    sent.push(put)
    if (sent.length >= IN_FLIGHT) await sent.shift()
  }
  await Promise.all(sent)
  return { size_bytes: size, chunks, digest: digestText(hash.digest()) }
}

async function* inChunks(content: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  let heldBytes = 0
  for await (const piece of content) {
    held.push(Buffer.from(piece))
    heldBytes += piece.length
    if (heldBytes < bytes) continue
    const all = Buffer.concat(held)
    const whole = all.length - (all.length % bytes)
    for (let at = 0; at < whole; at += bytes) yield all.subarray(at, at + bytes)
    held = [all.subarray(whole)]
    heldBytes = all.length - whole
  }
  if (heldBytes > 0) yield Buffer.concat(held)
}

function metadataSubject(name: string): string {
  return `$O.${REPLY_BUCKET}.M.${Buffer.from(name).toString('base64url')}`
}

/** What other tools list and read the object by. */
async function putMetadata(
  connection: NatsConnection,
  name: string,
  { size_bytes, chunks, digest, content_type }: ReplyReference,
): Promise<void> {
  const list = headers()
  list.set('Nats-Rollup', 'sub')
  const document = {
    name,
    description: content_type,
    bucket: REPLY_BUCKET,
    nuid: `${name}.*`,
    size: size_bytes,
    mtime: systemClock.now().toISOString(),
    chunks,
    digest,
  }
  await jetstream(connection).publish(metadataSubject(name), JSON.stringify(document), {
    headers: list,
    timeout: ASK_MS,
  })
}

function tooLarge(most: number): MlError {
  const words = `The reply is larger than the ${most} bytes that one may take in NATS; ask for a part of it, or over HTTP`
  return fail('too_large', 'REPLY_TOO_LARGE', words)
}

/** Of one call to NATS; what the content itself fails with stays what it is. */
async function kept<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (cause) {
    const words = `The request was carried out, but NATS does not keep its long reply: ${(cause as Error).message}`
    throw fail('unavailable', 'REPLY_NOT_KEPT', words, { cause, retryAfterSeconds: 5 })
  }
}
