// A real server whose event loop is held up as a rush does it.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { systemClock } from '../core/clock.ts'
import { createMetrics } from '../core/metrics.ts'
import { refuseEarly } from './refuse-early.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Every request takes 5 ms of the event loop, and turns of 10 ms count as long. */
async function start() {
  const server = createServer((_request: IncomingMessage, reply) => {
    const until = systemClock.elapsedMs() + 5
    while (systemClock.elapsedMs() < until);
    reply.end('answered')
  })
  const metrics = createMetrics()
  refuseEarly(server, { clock: systemClock, metrics, maxWaitMs: 20 })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closing.push(() => server.close().closeAllConnections())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, metrics }
}

async function rush(url: string, path: string, method: 'GET' | 'POST') {
  const ask = () => fetch(url + path, { method, ...(method === 'POST' && { body: '{}' }) })
  const replies: Response[] = []
  for (let round = 0; round < 3; round++) replies.push(...(await Promise.all(Array.from({ length: 40 }, ask))))
  return replies
}

it('refuses predictions of a rush that lasts, with a document, an id and when to come again, and counts them', async () => {
  const { url, metrics } = await start()
  const replies = await rush(url, '/v2/models/a/infer', 'POST')
  const refused = replies.filter(({ status }) => status === 503)
  expect(refused.length).toBeGreaterThan(0)
  expect(replies.length - refused.length).toBeGreaterThan(0)
  const [first] = refused
  expect(first!.headers.get('retry-after')).toBe('1')
  expect(first!.headers.get('x-request-id')).toMatch(/^req_/)
  expect(await first!.json()).toEqual({ error: 'Too many requests are waiting' })
  await new Promise(setImmediate)
  expect(await metrics.registry.metrics()).toContain(`ml_http_refused_total ${refused.length}`)
})

it('answers whoever only looks', async () => {
  const { url } = await start()
  await rush(url, '/predict', 'POST')
  const replies = await rush(url, '/health', 'GET')
  expect(replies.map(({ status }) => status)).not.toContain(503)
})
