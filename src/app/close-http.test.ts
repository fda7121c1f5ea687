import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fastify } from 'fastify'
import { expect, it } from 'vitest'
import { closeHttp } from './close-http.ts'

const FAR_TOO_LATE_MS = 20_000

async function listening() {
  const http = fastify()
  http.get('/slow', async () => {
    await sleep(200)
    return 'answered'
  })
  await http.listen({ host: '127.0.0.1', port: 0 })
  return { http, port: (http.server.address() as AddressInfo).port }
}

function within(promise: Promise<unknown>): Promise<string> {
  const late = new AbortController()
  const time = sleep(FAR_TOO_LATE_MS, 'too late', { signal: late.signal })
  time.catch(() => {})
  return Promise.race([promise.then(() => 'closed'), time]).finally(() => late.abort())
}

it('answers a request under way and does not wait for its kept-alive connection', async () => {
  const { http, port } = await listening()
  const agent = new Agent({ keepAlive: true, timeout: 60_000 })
  const asking = get({ port, host: '127.0.0.1', path: '/slow', agent })
  const answered = once(asking, 'response')
  await once(http.server, 'request')
  const closed = closeHttp(http)
  const [reply] = await answered
  reply.resume()
  expect(reply.statusCode).toBe(200)
  expect(await within(closed)).toBe('closed')
  agent.destroy()
})

it('does not wait for a request that never ends', async () => {
  const { http, port } = await listening()
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n1')
  await once(http.server, 'request')
  expect(await within(closeHttp(http, 100))).toBe('closed')
  socket.destroy()
})
