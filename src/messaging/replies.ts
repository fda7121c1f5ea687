// What an operation gave, or failed with, as a message: the documents of HTTP. One that is larger than NATS takes is kept in its
// object store, and the message is a reference to it under the same headers; a file goes there as it is read.
import { type Download, mediaTypesOf, type Operation } from '../contract/operation.ts'
import type { Clock } from '../core/clock.ts'
import { asFailure, type MlError, shownDetails } from '../core/failure.ts'
import { REFERENCE_HEADER } from '../core/reply-object.ts'
import type { BusReply, BusRequest } from '../core/responder.ts'
import { STATUS_OF_KIND } from '../core/status.ts'

export const REQUEST_ID_HEADER = 'X-Request-ID'

interface Replying {
  readonly request: BusRequest
  readonly requestId: string
  /** Undefined while nobody knows whose request it is. */
  readonly tenantId: string | undefined
  readonly signal: AbortSignal
  readonly clock: Clock
}

export async function replyOf(operation: Operation, output: unknown, replying: Replying): Promise<BusReply> {
  const headers = { [REQUEST_ID_HEADER]: replying.requestId }
  if (operation.reply === 'download') {
    const { filename, mediaType = mediaTypesOf(operation)[0]!, stream } = output as Download
    const named = { ...headers, 'Content-Type': mediaType, 'X-Filename': encodeURIComponent(filename) }
    try {
      return await carried(stream as AsyncIterable<Uint8Array | string>, named, replying)
    } finally {
      stream.destroy()
    }
  }
  const document =
    operation.reply === 'envelope'
      ? { success: true, ...(operation.message !== undefined && { message: operation.message }), data: output }
      : output
  return await carried([bytesOf(document)], { ...headers, 'Content-Type': 'application/json' }, replying)
}

/** As one message where it fits, else kept and referred to. */
async function carried(
  content: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>,
  headers: BusReply['headers'] & { readonly 'Content-Type': string },
  { request, tenantId, signal }: Replying,
): Promise<BusReply> {
  const pieces = piecesOf(content)
  const first: Uint8Array[] = []
  let size = 0
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
    first.push(next.value)
    size += next.value.length
    if (size <= request.maxReplyBytes) continue
    const contentType = headers['Content-Type']
    const rest = { tenantId: tenantId ?? 'unknown', contentType, content: chain(first, pieces), signal }
    const reference = await request.keep(rest)
    return { data: bytesOf(reference), headers: { ...headers, [REFERENCE_HEADER]: reference.dataref } }
  }
  return { data: Buffer.concat(first), headers }
}

async function* piecesOf(content: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>) {
  for await (const piece of content) yield Buffer.from(piece as Uint8Array)
}

async function* chain(first: Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first.splice(0)
  yield* rest
}

function bytesOf(document: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document, plainNumbers))
}

/** JSON has no BigInt; what is beyond 2^53 keeps its digits as text. */
function plainNumbers(_: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}

const HIDDEN = 'Internal error; the log has it under this request id'

export async function refusal(failure: MlError, replying: Replying): Promise<BusReply> {
  const { requestId, clock } = replying
  const hidden = failure.kind === 'internal'
  const message = hidden ? HIDDEN : failure.message
  const document = {
    success: false,
    error: message,
    error_code: failure.code,
    timestamp: clock.now().toISOString(),
    request_id: requestId,
    ...(failure.details && !hidden && { details: shownDetails(failure) }),
  }
  const retry = failure.kind === 'limited' || failure.kind === 'unavailable'
  const headers = {
    'Content-Type': 'application/json',
    [REQUEST_ID_HEADER]: requestId,
    'Nats-Service-Error-Code': String(STATUS_OF_KIND[failure.kind]),
    // A header is one line.
    'Nats-Service-Error': message.replaceAll(/\s+/g, ' ').slice(0, 500),
    ...(retry && { 'Retry-After': String(Math.max(1, Math.ceil(failure.retryAfterSeconds ?? 1))) }),
  }
  const error = `${failure.code}: ${message}`
  try {
    return { ...(await carried([bytesOf(document)], headers, replying)), error }
  } catch (cause) {
    // Many findings, and nowhere to keep them: the document without them is better than none.
    const note = { error: `${message.slice(0, 500)} (${asFailure(cause).message})`, details: undefined }
    return { data: bytesOf({ ...document, ...note }), headers, error }
  }
}
