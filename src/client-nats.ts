// The typed client over NATS: the methods of `createClient`, asked by request and reply. An entry of its own, because it needs
// the NATS package and the plain client needs nothing.
import {
  ClosedConnectionError,
  connect,
  headers,
  InvalidArgumentError,
  type Msg,
  type NatsConnection,
  PermissionViolationError,
  RequestError,
  TimeoutError,
  wsconnect,
} from '@nats-io/transport-node'
import { repeated } from './client/call.ts'
import { type ObjectReader, type Refused, readReplyObject } from './client/nats-reply.ts'
import { failureOf, readJson } from './client/reply.ts'
import { timerMs } from './client/timer.ts'
import type { CallOptions, Downloaded, MlClient } from './client/types.ts'
import type { Operation } from './contract/operation.ts'
import { type OperationName, operations } from './contract/operations/index.ts'
import { fail, type MlError } from './core/failure.ts'
import { readNatsUrl } from './core/nats-address.ts'
import { READ_SUBJECT, REFERENCE_HEADER, type ReplyReference } from './core/reply-object.ts'
import { unlessAborted } from './core/unless-aborted.ts'

export interface NatsClientOptions {
  /** Such as `nats://user:password@localhost:4222`, `tls://…` or `wss://…`, several joined by commas; or give `connection`. */
  readonly url?: string
  /** Stays the caller's: `close` leaves it open. */
  readonly connection?: NatsConnection
  readonly tenantId?: string
  /** Sent with every request, such as `Authorization`. */
  readonly headers?: Readonly<Record<string, string>>
  /** For one attempt; default 60 s. */
  readonly timeoutMs?: number
  /** Further attempts after the first; default 0. */
  readonly retries?: number
}

export type NatsClient = MlClient & { close(): Promise<void> }

const DEFAULT_TIMEOUT_MS = 60_000
/** One chunk of a long reply; then it is asked for again. */
const CHUNK_MS = 2_000
const PING_MS = 500

/**
 * Event streams and file uploads go over HTTP: NATS_UNSUPPORTED here. Other failures are the service's own, and the client's
 * `SERVICE_UNREACHABLE`, `TIMEOUT`, `NATS_FORBIDDEN`, `REQUEST_TOO_LARGE` and, for replies that lie in the object store,
 * `REPLY_GONE`.
 */
export async function createNatsClient(options: NatsClientOptions): Promise<NatsClient> {
  const connection = options.connection ?? (await dial(options.url ?? 'nats://127.0.0.1:4222'))
  const client: Record<string, unknown> = {
    close: async () => {
      if (!options.connection) await connection.close()
    },
  }
  for (const name of Object.keys(operations) as OperationName[]) {
    const method = (input: Readonly<Record<string, unknown>> = {}, call: CallOptions = {}) =>
      operations[name].reply === 'events' ? unsupportedEvents(name) : ask(connection, { name, input, call, options })
    const [noun, verb] = name.split('.') as [string, string?]
    if (verb === undefined) client[noun] = method
    else client[noun] = { ...(client[noun] as object | undefined), [verb]: method }
  }
  return client as unknown as NatsClient
}

/** Without an end to the attempts: by itself the library gives up for good after twenty seconds without a server. */
function dial(url: string): Promise<NatsConnection> {
  const { options, webSocket } = readNatsUrl(url, 'url')
  return (webSocket ? wsconnect : connect)({ ...options, name: 'modelyard client', maxReconnectAttempts: -1 })
}

// biome-ignore lint/correctness/useYield: an iterable that fails when it is begun, like the one it stands for
async function* unsupportedEvents(name: OperationName): AsyncGenerator<never> {
  throw unsupported(name)
}

function unsupported(name: string): MlError {
  return fail('invalid', 'NATS_UNSUPPORTED', `${name} is not offered over NATS; use the HTTP client`)
}

interface Asked {
  readonly name: OperationName
  readonly input: Readonly<Record<string, unknown>>
  readonly call: CallOptions
  readonly options: NatsClientOptions
}

async function ask(connection: NatsConnection, { name, input, call, options }: Asked): Promise<unknown> {
  const operation: Operation = operations[name]
  if (operation.body === 'file' || input.file !== undefined) throw unsupported(name)
  const list = headers()
  const key = call.idempotencyKey ?? (operation.idempotent ? crypto.randomUUID() : undefined)
  const fields: Record<string, string | undefined> = {
    'X-Tenant-ID': options.tenantId,
    ...options.headers,
    ...call.headers,
    'X-Request-ID': call.requestId,
    'Idempotency-Key': key,
  }
  for (const [field, value] of Object.entries(fields)) if (value !== undefined) list.set(field, value)
  const timeout = timerMs(call.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS)
  const body = JSON.stringify(operation.body === 'row' ? input.body : input)
  const subject = `ml.${operation.kind}.${name}`
  const once = async () => {
    call.signal?.throwIfAborted()
    const asked = connection.request(subject, body, { timeout, headers: list }).catch((cause: unknown) => {
      throw isTooLarge(cause) ? tooLarge(body, connection) : unreachable(cause, connection, timeout)
    })
    const reply = await unlessAborted(asked, call.signal)
    return read(operation, reply, objectReader(connection, timeout, call.signal))
  }
  const repeatable = operation.kind === 'query' || operation.idempotent === true
  const retries = repeatable ? (call.retries ?? options.retries ?? 0) : 0
  return await repeated(once, retries, call.signal)
}

/** The library's word for it, which counts the headers too. */
function isTooLarge(error: unknown): boolean {
  return error instanceof InvalidArgumentError && error.message.includes('max_payload')
}

function tooLarge(body: string | undefined, { info }: NatsConnection): MlError {
  const bytes = Buffer.byteLength(body ?? '')
  const words = `The request has ${bytes} bytes and its headers, and NATS takes ${info?.max_payload}; send it in parts, or over HTTP`
  return fail('too_large', 'REQUEST_TOO_LARGE', words)
}

function unreachable(error: unknown, connection: NatsConnection, timeout: number): MlError {
  const cause = causeOf(error)
  if (cause instanceof TimeoutError) {
    return fail('unavailable', 'TIMEOUT', `No answer within ${timeout} ms`, { cause: error })
  }
  const where = connection.getServer()
  if (cause instanceof PermissionViolationError) {
    return fail('forbidden', 'NATS_FORBIDDEN', `NATS at ${where} forbids it: ${cause.message}`, { cause: error })
  }
  return fail('unavailable', 'SERVICE_UNREACHABLE', `Nobody answers at ${where}: ${(error as Error).message}`, {
    cause: error,
  })
}

function causeOf(error: unknown): unknown {
  return error instanceof RequestError && error.cause !== undefined ? error.cause : error
}

function objectReader(connection: NatsConnection, timeoutMs: number, signal: AbortSignal | undefined): ObjectReader {
  const timeout = Math.min(timeoutMs, CHUNK_MS)
  return {
    timeoutMs,
    async ask(subject) {
      try {
        const asked = connection.request(subject, undefined, { timeout })
        const { data, headers: list } = await unlessAborted(asked, signal)
        return list?.hasError ? 'missing' : data
      } catch (error) {
        signal?.throwIfAborted()
        const refused = refusedBy(error, connection, timeout)
        return refused === 'away' && (await isThere(connection)) ? 'silent' : refused
      }
    },
    done(name) {
      // Where it cannot be said, or may not be, the reply lies until it expires.
      if (!connection.isClosed()) connection.publish(READ_SUBJECT, name)
    },
  }
}

function refusedBy(error: unknown, connection: NatsConnection, timeout: number): Refused {
  const cause = causeOf(error)
  if (error instanceof RequestError && error.isNoResponders()) return 'no store'
  const final = cause instanceof PermissionViolationError || cause instanceof ClosedConnectionError
  if (final || connection.isClosed()) throw unreachable(error, connection, timeout)
  return 'away'
}

async function isThere(connection: NatsConnection): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, PING_MS, false)
  })
  const answered = connection.flush().then(
    () => true,
    () => false,
  )
  return await Promise.race([answered, late]).finally(() => clearTimeout(timer))
}

/** A reply as HTTP would have given it, so that both clients read it by the same code. */
async function read(operation: Operation, { data, headers: list }: Msg, reader: ObjectReader): Promise<unknown> {
  const status = Number(list?.get('Nats-Service-Error-Code') || 200)
  const retry = list?.get('Retry-After')
  const reference = list?.get(REFERENCE_HEADER) ? referenceOf(data) : undefined
  const body = reference ? readReplyObject(reference, reader) : (data.slice() as Uint8Array<ArrayBuffer>)
  const response = new Response(body, {
    status,
    headers: { 'x-request-id': list?.get('X-Request-ID') ?? '', ...(retry && { 'retry-after': retry }) },
  })
  if (status !== 200) throw await failureOf(response)
  if (operation.reply === 'download') {
    const filename = decodeURIComponent(list?.get('X-Filename') || 'download')
    return { stream: response.body!, filename, size: reference?.size_bytes ?? data.length } satisfies Downloaded
  }
  const document = await readJson(response)
  return operation.reply === 'envelope' ? (document as { readonly data: unknown }).data : document
}

function referenceOf(data: Uint8Array): ReplyReference {
  return JSON.parse(new TextDecoder().decode(data)) as ReplyReference
}
