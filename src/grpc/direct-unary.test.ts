// Calls of a bare HTTP/2 client, and of the library's own, on a server of the library that has one method of ours.
import { type ClientHttp2Session, connect } from 'node:http2'
import { Client, credentials, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type DirectMethod, stepIn, type UnaryCall } from './direct-unary.ts'

const PATH = '/test.Service/Call'
const MOST = 200_000

const server = new Server({ 'grpc.max_receive_message_length': MOST })
let work: (call: UnaryCall, message: Buffer) => Promise<readonly Uint8Array[]>
const echo: typeof work = async (_call, message) => [Buffer.from(message)]
const method: DirectMethod = {
  path: PATH,
  maxMessageBytes: MOST,
  answer: (call, message) => work(call, message),
  failed: (_call, error) => {
    const metadata = new Metadata()
    metadata.set('error-code', 'BROKEN')
    return { code: status.NOT_FOUND, details: `no – ${(error as Error).message}`, metadata }
  },
}

let port: number
let session: ClientHttp2Session
let client: Client
beforeAll(async () => {
  stepIn(server, method)
  const asIs = (bytes: Buffer) => bytes
  const usual = { requestStream: false, responseStream: false, requestSerialize: asIs, requestDeserialize: asIs }
  const Call = { ...usual, path: PATH, responseSerialize: asIs, responseDeserialize: asIs }
  const byLibrary = (_call: unknown, reply: (error: null, bytes: Buffer) => void) => reply(null, Buffer.from('library'))
  server.addService({ Call }, { Call: byLibrary })
  port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    )
  })
  session = connect(`http://127.0.0.1:${port}`)
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
})
afterAll(() => {
  session.close()
  client.close()
  server.forceShutdown()
})

function framed(message: Buffer, flag = 0): Buffer {
  const head = Buffer.alloc(5)
  head[0] = flag
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

interface Reply {
  readonly status: string | undefined
  readonly body: Buffer
}

/** Sends chunks one by one. */
function call(chunks: readonly Buffer[], headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', ...headers })
    const body: Buffer[] = []
    let found: string | undefined
    const note = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] !== undefined) found = String(headers['grpc-status'])
    }
    sent.on('response', note).on('trailers', note)
    sent.on('data', (chunk) => body.push(chunk))
    sent.on('close', () => resolve({ status: found, body: Buffer.concat(body) }))
    sent.on('error', reject)
    for (const chunk of chunks) sent.write(chunk)
    sent.end()
  })
}

const unary = (message: Buffer, options = {}) =>
  new Promise<Buffer>((resolve, reject) => {
    const asIs = (bytes: Buffer) => bytes
    client.makeUnaryRequest(PATH, asIs, asIs, message, new Metadata(), options, (error, reply) =>
      error ? reject(error) : resolve(reply!),
    )
  })

it.each([0, 1, 1000, 70_000, 190_000])('a message of %i bytes is answered whole', async (length) => {
  work = echo
  const message = Buffer.alloc(length, 7)
  expect((await unary(message)).equals(message)).toBe(true)
})

it('comes in pieces of any size', async () => {
  work = echo
  const bytes = framed(Buffer.from('in pieces'))
  for (const size of [1, 3, 5, 6, 100]) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    )
    expect(await call(pieces)).toEqual({ status: '0', body: bytes })
  }
})

it.each<[string, readonly Buffer[], Record<string, string>, status]>([
  ['nothing at all', [], {}, status.INTERNAL],
  ['half a message', [framed(Buffer.alloc(10)).subarray(0, 9)], {}, status.INTERNAL],
  ['two messages', [framed(Buffer.alloc(3)), framed(Buffer.alloc(3))], {}, status.UNIMPLEMENTED],
  ['a compressed message in a call that is not', [framed(Buffer.alloc(3), 1)], {}, status.INTERNAL],
  ['4 GB that are promised', [Buffer.of(0, 255, 255, 255, 255, 1, 2, 3)], {}, status.RESOURCE_EXHAUSTED],
  ['a deadline in words', [framed(Buffer.alloc(3))], { 'grpc-timeout': 'soon' }, status.INTERNAL],
])('%s is refused, and the connection goes on', async (_what, chunks, headers, code) => {
  work = echo
  expect(await call(chunks, headers)).toMatchObject({ status: String(code) })
  expect(await call([framed(Buffer.from('next'))])).toMatchObject({ status: '0' })
})

it('tells what went wrong in words, with the trailers of the failure', async () => {
  work = () => Promise.reject(new Error('such thing'))
  const failure = await unary(Buffer.alloc(1)).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: status.NOT_FOUND, details: 'no – such thing' })
  expect((failure as { metadata: Metadata }).metadata.get('error-code')).toEqual(['BROKEN'])
})

it('ends at its deadline, and whoever works for it is told', async () => {
  const told = new Promise<boolean>((resolve) => {
    work = (asked) =>
      new Promise((_, reject) => {
        asked.on('cancelled', () => {
          resolve(asked.cancelled)
          reject(new Error('left'))
        })
      })
  })
  const { status: code } = await call([framed(Buffer.alloc(1))], { 'grpc-timeout': '20m' })
  expect([code, await told]).toEqual([String(status.DEADLINE_EXCEEDED), true])
})

it('is cancelled when its caller leaves', async () => {
  const cancelled = new Promise<boolean>((resolve) => {
    work = (asked) => {
      setImmediate(() => sent.destroy())
      return new Promise((_, reject) => {
        asked.on('cancelled', () => {
          resolve(asked.cancelled)
          reject(new Error('left'))
        })
      })
    }
  })
  const sent = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc' })
  sent.on('error', () => {})
  sent.end(framed(Buffer.alloc(4)))
  expect(await cancelled).toBe(true)
})

it('is the library’s where it is compressed', async () => {
  work = echo
  const { status: code, body } = await call([framed(Buffer.alloc(3))], { 'grpc-encoding': 'gzip' })
  expect([code, body.subarray(5).toString()]).toEqual(['0', 'library'])
})
