// Unary gRPC calls over one raw socket: frames are written as bytes and read no further than their ends, because a client library takes
// more of the processor than what is measured. A reply without a message counts as a failure; which one is not read.
import { connect, type Socket } from 'node:net'

const DATA = 0
const HEADERS = 1
const RESET = 3
const SETTINGS = 4
const PING = 6
const GO_AWAY = 7
const WINDOW_UPDATE = 8

const END_STREAM = 1
const ACK = 1
const END_HEADERS = 4

const HEAD_BYTES = 9
const FRAME_BYTES = 16_384
const USUAL_WINDOW = 65_535
const LARGEST_WINDOW = 2 ** 31 - 1
const INITIAL_WINDOW_SIZE = 4

const METHOD = '/inference.GRPCInferenceService/ModelInfer'

const NOTHING: Buffer = Buffer.alloc(0)

function frame(type: number, flags: number, { stream = 0, payload = NOTHING } = {}): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Never indexed, so that every call has the same bytes. */
function headerBlock(): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)])
  const named = (name: string, value: string) => [Buffer.of(0), text(name), text(value)]
  const post = Buffer.of(0x83)
  const http = Buffer.of(0x86)
  const path = [Buffer.of(4), text(METHOD)]
  const authority = [Buffer.of(1), text('127.0.0.1')]
  const type = named('content-type', 'application/grpc')
  return Buffer.concat([post, http, ...path, ...authority, ...named('te', 'trailers'), ...type])
}

const BLOCK = headerBlock()

function window(stream: number, more: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(more)
  return frame(WINDOW_UPDATE, 0, { stream, payload })
}

function hello(): Buffer {
  const payload = Buffer.alloc(6)
  payload.writeUInt16BE(INITIAL_WINDOW_SIZE)
  payload.writeUInt32BE(LARGEST_WINDOW, 2)
  const settings = frame(SETTINGS, 0, { payload })
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    settings,
    window(0, LARGEST_WINDOW - USUAL_WINDOW),
  ])
}

interface Stream {
  readonly message: Buffer
  sent: number
  window: number
  answered: boolean
  readonly settle: (ok: boolean) => void
}

export class GrpcConnection {
  readonly #socket: Socket
  readonly #streams = new Map<number, Stream>()
  #next = 1
  #window = USUAL_WINDOW
  #streamWindow = USUAL_WINDOW
  #rest = NOTHING

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#hear(chunk))
    socket.on('close', () => {
      for (const { settle } of this.#streams.values()) settle(false)
    })
    socket.on('error', () => {})
    socket.write(hello())
  }

  static open(port: number): Promise<GrpcConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.setNoDelay(true)
      socket.once('connect', () => resolve(new GrpcConnection(socket)))
      socket.once('error', reject)
    })
  }

  /** One ModelInfer with this message. */
  send(message: Buffer): Promise<void> {
    const id = this.#next
    this.#next += 2
    const framed = Buffer.allocUnsafe(5 + message.length)
    framed[0] = 0
    framed.writeUInt32BE(message.length, 1)
    message.copy(framed, 5)
    return new Promise((resolve, reject) => {
      const settle = (ok: boolean) => (ok ? resolve() : reject(new Error('a call failed')))
      const stream: Stream = { message: framed, sent: 0, window: this.#streamWindow, answered: false, settle }
      this.#streams.set(id, stream)
      this.#socket.cork()
      this.#socket.write(frame(HEADERS, END_HEADERS, { stream: id, payload: BLOCK }))
      this.#push(id, stream)
      process.nextTick(() => this.#socket.uncork())
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #push(id: number, stream: Stream): void {
    const { message } = stream
    while (stream.sent < message.length) {
      const most = Math.min(message.length - stream.sent, stream.window, this.#window, FRAME_BYTES)
      if (most <= 0) return
      const end = stream.sent + most
      const payload = message.subarray(stream.sent, end)
      this.#socket.write(frame(DATA, end === message.length ? END_STREAM : 0, { stream: id, payload }))
      stream.sent = end
      stream.window -= most
      this.#window -= most
    }
  }

  #hear(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    this.#socket.cork()
    while (bytes.length - at >= HEAD_BYTES) {
      const end = at + HEAD_BYTES + bytes.readUIntBE(at, 3)
      if (end > bytes.length) break
      this.#frame(bytes.subarray(at, end))
      at = end
    }
    this.#rest = bytes.subarray(at)
    process.nextTick(() => this.#socket.uncork())
  }

  #frame(bytes: Buffer): void {
    const type = bytes[3]!
    const flags = bytes[4]!
    const id = bytes.readUInt32BE(5)
    const payload = bytes.subarray(HEAD_BYTES)
    const stream = this.#streams.get(id)
    if (type === SETTINGS && !(flags & ACK)) this.#settings(payload)
    else if (type === PING && !(flags & ACK)) this.#socket.write(frame(PING, ACK, { payload }))
    else if (type === WINDOW_UPDATE) this.#widen(id, payload.readUInt32BE(0))
    else if (type === GO_AWAY) this.#socket.destroy()
    else if (type === DATA && payload.length > 5 && stream) stream.answered = true
    const over = type === RESET || ((type === DATA || type === HEADERS) && flags & END_STREAM)
    if (!over || !stream) return
    this.#streams.delete(id)
    stream.settle(stream.answered && type !== RESET)
  }

  #settings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) === INITIAL_WINDOW_SIZE) this.#streamWindow = payload.readUInt32BE(at + 2)
    }
    this.#socket.write(frame(SETTINGS, ACK))
  }

  #widen(id: number, more: number): void {
    const stream = this.#streams.get(id)
    if (id === 0) this.#window += more
    else if (stream) stream.window += more
    if (id !== 0 && stream) this.#push(id, stream)
    if (id === 0) for (const [each, one] of this.#streams) this.#push(each, one)
  }
}
