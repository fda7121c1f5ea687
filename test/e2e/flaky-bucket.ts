// A bucket on a bad day: some requests are refused, some connections break before, some after the request took effect (nobody
// is told), some in the middle of the reply.
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Random } from '../../src/core/random.ts'

export interface FlakyBucket extends AsyncDisposable {
  readonly endpoint: string
  /** Share of the requests that fail from now on, 0 to 1. */
  fail(share: number): void
  /** Requests that have failed so far. */
  failures(): number
}

const FATES = ['refused', 'broken before', 'broken after', 'half a reply'] as const

export async function flakyBucket(endpoint: string, random: Random): Promise<FlakyBucket> {
  const { hostname, port } = new URL(endpoint)
  let share = 0
  let failures = 0

  function answer(asked: IncomingMessage, reply: ServerResponse): void {
    const fate = random.next() < share ? FATES[random.integer(FATES.length)]! : 'fine'
    if (fate !== 'fine') failures++
    if (fate === 'broken before') return void asked.socket.destroy()
    if (fate === 'refused') {
      asked.resume()
      reply.writeHead(503, { 'content-type': 'application/xml' })
      return void reply.end('<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Slow down</Message></Error>')
    }
    const { method, url, headers } = asked
    const passed = request({ hostname, port, method, path: url, headers }, (answered) => {
      if (fate === 'broken after') {
        answered.resume().on('end', () => asked.socket.destroy())
        return
      }
      reply.writeHead(answered.statusCode!, answered.headers)
      if (fate === 'fine') return void answered.pipe(reply)
      answered.once('data', (bytes: Buffer) => {
        reply.write(bytes.subarray(0, bytes.length >> 1), () => asked.socket.destroy())
        answered.destroy()
      })
      answered.on('end', () => asked.socket.destroy())
    })
    passed.on('error', () => asked.socket.destroy())
    asked.on('error', () => passed.destroy())
    asked.pipe(passed)
  }

  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    fail(wanted) {
      share = wanted
    },
    failures: () => failures,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
