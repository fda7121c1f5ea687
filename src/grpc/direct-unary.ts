// Unary calls answered on the HTTP/2 stream itself. The library takes more of the processor for a call than everything else that is done
// for it (decision 046); what is unusual about a call (compression, another content type) is left to the library.
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { type ServiceError, status } from '@grpc/grpc-js'
import { fail } from '../core/failure.ts'
import { Gathering, giveBack, giveUp, LARGE_BYTES } from '../core/memory.ts'
import { deadlineMsOf } from './deadline.ts'

export interface UnaryCall {
  readonly headers: IncomingHttpHeaders
  readonly cancelled: boolean
  /** One listener. */
  on(event: 'cancelled', listener: () => void): void
}

export interface DirectMethod {
  /** As in the request: `/package.Service/Method`. */
  readonly path: string
  readonly maxMessageBytes: number
  /** The reply in parts. */
  readonly answer: (call: UnaryCall, message: Buffer) => Promise<readonly Uint8Array[]>
  /** Never called for a call that was answered. */
  readonly failed: (call: UnaryCall, error: unknown) => Partial<ServiceError>
}

const HEAD_BYTES = 5
const REPLY_HEADERS = { ':status': 200, 'content-type': 'application/grpc+proto' }
const GOOD = { 'grpc-status': '0' }

/** False where the library is to take the call. */
function takesDirectly({ path }: DirectMethod, headers: IncomingHttpHeaders): boolean {
  const { 'content-type': type, 'grpc-encoding': encoding } = headers
  return (
    headers[':path'] === path &&
    headers[':method'] === 'POST' &&
    (type === 'application/grpc' || type === 'application/grpc+proto') &&
    (encoding === undefined || encoding === 'identity')
  )
}

function answerDirectly(method: DirectMethod, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  new DirectCall(method, stream, headers).listen()
}

/** Methods on the prototype, for the sake of garbage collection: decision 037. */
class DirectCall implements UnaryCall {
  readonly headers: IncomingHttpHeaders
  cancelled = false
  readonly #method: DirectMethod
  readonly #stream: ServerHttp2Stream
  readonly #head = Buffer.allocUnsafe(HEAD_BYTES)
  #headRead = 0
  #length = -1
  #memory: Gathering | undefined
  /** A message that came in one piece. */
  #message: Buffer | undefined
  #timer: NodeJS.Timeout | undefined
  #leave: (() => void) | undefined
  #over = false

  constructor(method: DirectMethod, stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#method = method
    this.#stream = stream
    this.headers = headers
  }

  on(_event: 'cancelled', listener: () => void): void {
    this.#leave = listener
  }

  listen(): void {
    const stream = this.#stream
    stream.on('error', ignore)
    stream.on('close', () => this.#cancel())
    const limitMs = deadlineMsOf(this.headers['grpc-timeout'])
    if (Number.isNaN(limitMs)) this.#refuse(status.INTERNAL, 'The grpc-timeout is not a number with a unit')
    else if (limitMs !== undefined) this.#timer = setTimeout(() => this.#late(), limitMs)
    stream.on('data', (chunk: Buffer) => this.#read(chunk))
    stream.on('end', () => this.#answer())
  }

  #read(chunk: Buffer): void {
    if (this.#over) return
    let at = 0
    if (this.#headRead < HEAD_BYTES) {
      at = chunk.copy(this.#head, this.#headRead)
      this.#headRead += at
      if (this.#headRead < HEAD_BYTES) return
      this.#length = this.#head.readUInt32BE(1)
    }
    const wrong = this.#wrongWith(chunk.length - at)
    if (wrong) this.#sendFailure(wrong)
    else if (at < chunk.length) this.#take(at === 0 ? chunk : chunk.subarray(at))
  }

  #wrongWith(more: number): Partial<ServiceError> | undefined {
    const { maxMessageBytes } = this.#method
    if (this.#head[0] !== 0) return { code: status.INTERNAL, details: 'The message is compressed, its call is not' }
    if (this.#length > maxMessageBytes) {
      const details = `The message has ${this.#length} bytes; ${maxMessageBytes} are taken`
      return { code: status.RESOURCE_EXHAUSTED, details }
    }
    if (this.#received() + more <= this.#length) return undefined
    return { code: status.UNIMPLEMENTED, details: 'A unary call has one message' }
  }

  #take(bytes: Buffer): void {
    const length = this.#length
    if (bytes.length === length) {
      this.#message = bytes
      return
    }
    // Raw tensors stand at the end of a message, so that is what is aligned.
    this.#memory ??= new Gathering({ length, maxBytes: length, alignAt: length })
    this.#memory.add(bytes)
  }

  #received(): number {
    return this.#memory?.size ?? this.#message?.length ?? 0
  }

  #answer(): void {
    if (this.#over) return
    if (this.#headRead < HEAD_BYTES || this.#received() < this.#length) {
      this.#refuse(status.INTERNAL, 'The message broke off')
      return
    }
    const message = this.#memory?.finish() ?? this.#message ?? EMPTY
    this.#memory = undefined
    this.#method
      .answer(this, message)
      .then(
        (parts) => this.#send(parts),
        (error: unknown) => this.#sendFailure(this.#method.failed(this, error)),
      )
      .finally(() => giveBack(message))
  }

  #send(parts: readonly Uint8Array[]): void {
    if (!this.#end()) return
    const stream = this.#stream
    const size = parts.reduce((sum, part) => sum + part.byteLength, 0)
    const head = Buffer.allocUnsafe(HEAD_BYTES)
    head[0] = 0
    head.writeUInt32BE(size, 1)
    stream.respond(REPLY_HEADERS, { waitForTrailers: true })
    stream.once('wantTrailers', () => {
      if (!stream.closed) stream.sendTrailers(GOOD)
    })
    if (size < LARGE_BYTES) stream.end(Buffer.concat([head, ...parts]))
    else {
      // As they lie; their memory is free once they are out.
      stream.once('close', () => parts.forEach(giveUp))
      stream.write(head)
      for (const part of parts) stream.write(part)
      stream.end()
    }
  }

  #refuse(code: status, details: string): void {
    this.#sendFailure({ code, details })
  }

  #sendFailure({ code = status.UNKNOWN, details = '', metadata }: Partial<ServiceError>): void {
    if (!this.#end()) return
    this.#memory?.drop()
    this.#memory = undefined
    const stream = this.#stream
    const trailers = { 'grpc-status': String(code), 'grpc-message': encodeURI(details), ...metadata?.toHttp2Headers() }
    stream.respond({ ...REPLY_HEADERS, ...trailers }, { endStream: true })
    // What is still to come of the message is not taken in.
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
  }

  /** False where nobody hears an answer any more, or has one. */
  #end(): boolean {
    clearTimeout(this.#timer)
    if (this.#over) return false
    this.#over = true
    return !this.#stream.destroyed && !this.#stream.closed
  }

  #late(): void {
    this.#refuse(status.DEADLINE_EXCEEDED, 'The deadline of the call is over')
    this.cancelled = true
    this.#leave?.()
  }

  #cancel(): void {
    clearTimeout(this.#timer)
    if (this.#over) return
    this.#over = true
    this.cancelled = true
    this.#memory?.drop()
    this.#leave?.()
  }
}

const EMPTY = Buffer.alloc(0)

function ignore(): void {
  // Every error is followed by the end of the stream, which is what counts.
}

/** What the library calls for every new stream; it has no public place to step in (there are interceptors, behind all that is dear). */
interface StreamTaker {
  _channelzHandler?: (interceptors: unknown, stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void
}

/**
 * Before the server is bound.
 *
 * @throws `internal` where there is nothing to step into, so that a test tells.
 */
export function stepIn(server: object, method: DirectMethod): void {
  const taker = server as StreamTaker
  const usual = taker._channelzHandler
  if (usual === undefined) throw fail('internal', 'INTERNAL_ERROR', 'The library for gRPC has no _channelzHandler')
  taker._channelzHandler = (interceptors, stream, headers) => {
    if (takesDirectly(method, headers)) answerDirectly(method, stream, headers)
    else usual.call(server, interceptors, stream, headers)
  }
}
