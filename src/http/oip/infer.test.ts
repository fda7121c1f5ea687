// Requests that are answered before they are read: what the client sees, and that its connection goes on.
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { createMetrics } from '../../core/metrics.ts'
import type { OpenInference } from '../../core/open-inference.ts'
import { createHttpApp } from '../app.ts'

async function start(turnAway: OpenInference['turnAway'], until?: Promise<void>) {
  let read = 0
  const plane = {
    turnAway,
    async infer() {
      read++
      await until
      const model = { modelId: 'm', modelName: 'm', version: '1.0.0', signature: { inputs: [], outputs: [] } }
      return { model, outputs: {}, timings: { queueMs: 0, runMs: 0, totalMs: 0, batchRows: 1 } }
    },
  }
  const caller = { tenantId: 't', requestId: 'r', actor: 'a', permissions: new Set(['predict' as const]) }
  const app = createHttpApp({
    dispatch: () => Promise.reject(new Error('unused')),
    plane: plane as unknown as OpenInference,
    authenticate: () => caller,
    metrics: createMetrics(),
    log: silentLog,
    openapi: {},
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const post = (body: string) =>
    new Promise<{ response: IncomingMessage; text: string; reused: boolean }>((resolve, reject) => {
      const sent = request(`${url}/v2/models/m/infer`, { method: 'POST', agent }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ response, text, reused: sent.reusedSocket }))
      })
      sent.on('error', reject)
      sent.end(body)
    })
  const stop = async () => {
    agent.destroy()
    await app.close() // again: waits for the first time
  }
  return { url, post, read: () => read, stop, [Symbol.asyncDispose]: stop }
}

const BODY = '{"inputs":[]}'

describe('a request that would be refused whatever it holds', () => {
  it('is answered unread, and the next one on its connection as usual', async () => {
    const seconds = [3, undefined]
    await using service = await start(() => seconds.shift())
    const refused = await service.post(`{"inputs":[${'1,'.repeat(500_000)}1]}`)
    expect(refused.response.statusCode).toBe(503)
    expect(refused.response.headers).toMatchObject({
      'retry-after': '3',
      'content-type': 'application/json; charset=utf-8',
      'x-request-id': expect.stringMatching(/^req_/),
    })
    expect(JSON.parse(refused.text)).toEqual({ error: 'Too many predictions are waiting' })
    expect(service.read()).toBe(0)
    const answered = await service.post(BODY)
    expect(answered.response.statusCode).toBe(200)
    expect(answered.reused).toBe(true)
    expect(service.read()).toBe(1)
  })

  it('is the last on its connection where the service stops', async () => {
    const held = Promise.withResolvers<void>()
    const seconds = [undefined, 3]
    await using service = await start(() => seconds.shift(), held.promise)
    const { hostname, port } = new URL(service.url)
    const socket = connect(Number(port), hostname)
    const request = `POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`
    socket.write(request)
    await expect.poll(service.read).toBe(1)
    const stopped = service.stop()
    socket.write(request)
    await expect.poll(() => seconds.length).toBe(0)
    held.resolve()
    const [first, second] = (await readText(socket)).split(/(?=HTTP\/1.1 503)/)
    expect(first).toMatch(/^HTTP\/1.1 200/)
    expect(second).toMatch(/^connection: close\r$/im)
    await stopped
  })

  it('goes its usual way where the question itself fails', async () => {
    await using service = await start(() => {
      throw new Error('broken')
    })
    const { response } = await service.post(BODY)
    expect(response.statusCode).toBe(200)
    expect(service.read()).toBe(1)
  })
})
