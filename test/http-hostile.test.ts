// Clients that misbehave on the wire, hundreds at a time: each is let go in the end, and meanwhile everybody else is answered.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startDouble } from './http-double.ts'

const MANY = 200
const SLOW = { headersMs: 300, requestMs: 300, everyMs: 20 }
/** So patient that a test would see it. */
const PATIENT = { headersMs: 600_000, requestMs: 600_000, everyMs: 20 }

type Service = Awaited<ReturnType<typeof startDouble>>

interface Client {
  readonly socket: Socket
  /** Everything that came back, once the connection has ended. */
  readonly heard: Promise<string>
}

async function clients(service: Service, count = MANY): Promise<Client[]> {
  const { port } = service.app.server.address() as AddressInfo
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('error', () => {})
      socket.on('end', () => socket.end())
      const heard = once(socket, 'close').then(
        () => text,
        () => text,
      )
      await once(socket, 'connect')
      return { socket, heard }
    }),
  )
}

const connectionsOf = ({ app }: Service) =>
  new Promise<number>((resolve, reject) => {
    app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })

async function answersOthers(url: string): Promise<void> {
  const replies = await Promise.all(
    Array.from({ length: 20 }, () =>
      fetch(`${url}/predict`, {
        method: 'POST',
        body: '{"a":1}',
        headers: { 'content-type': 'application/json', connection: 'close' },
      }),
    ),
  )
  for (const reply of replies) {
    expect(reply.status).toBe(200)
    await reply.text()
  }
}

const POST = 'POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'

describe('hundreds of clients', () => {
  it.each([
    ['headers', 'POST /predict HTTP/1.1\r\nx: '],
    ['bodies', `${POST}content-length: 100000\r\n\r\n{"a":"`],
    ['chunked bodies', `${POST}transfer-encoding: chunked\r\n\r\n5000\r\n{"a":"`],
  ])('that send their %s a drop at a time are told so and let go; others are answered', async (_what, begin) => {
    await using service = await startDouble(() => ({}), { slowness: SLOW })
    const url = await service.listen()
    const slow = await clients(service)
    for (const { socket } of slow) socket.write(begin)
    const drip = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write('1')
    }, 20)
    await answersOthers(url)
    const heard = await Promise.all(slow.map((one) => one.heard))
    clearInterval(drip)
    const told = heard.filter(
      (text) => text.startsWith('HTTP/1.1 408 Request Timeout') && text.includes('REQUEST_TOO_SLOW'),
    )
    // The reset that meets a drop on its way may overtake the reply.
    expect(told.length).toBeGreaterThan(0)
    await answersOthers(url)
    expect(service.asked).toHaveLength(40)
    expect(service.errors).toEqual([])
    await expect.poll(() => connectionsOf(service)).toBe(0)
  })

  it('that are silent because the service works for them are answered', async () => {
    const working = () => new Promise((resolve) => setTimeout(() => resolve({}), 1800))
    await using service = await startDouble(working, { slowness: { ...PATIENT, idleMs: 1000 } })
    const url = `${await service.listen()}/api/v1/ml`
    const form = new FormData()
    form.append('file', new Blob(['a,b\n1,2\n']), 'rows.csv')
    const body = JSON.stringify({ rows: [{ a: 1 }] })
    const replies = await Promise.all([
      fetch(`${url}/datasets`, { method: 'POST', body: form }),
      fetch(`${url}/datasets`, { method: 'POST', body }),
      fetch(`${url}/models/m/versions/1.0.0/quantize`, { method: 'POST', body: '{}' }),
    ])
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 201])
  })

  it('that close their half after asking are answered', async () => {
    await using service = await startDouble(() => ({ prediction: 1 }), { slowness: PATIENT })
    await service.listen()
    const half = await clients(service)
    for (const { socket } of half) socket.end(`${POST}content-length: 7\r\n\r\n{"a":1}`)
    for (const text of await Promise.all(half.map((one) => one.heard))) expect(text).toMatch(/^HTTP\/1.1 200 /)
    await expect.poll(() => connectionsOf(service)).toBe(0)
  })

  it('that close their half in the middle of a body ask nothing and are let go', async () => {
    await using service = await startDouble(() => ({}), { slowness: PATIENT })
    const url = await service.listen()
    const truncated = await clients(service)
    for (const { socket } of truncated) socket.end(`${POST}content-length: 1000\r\n\r\n{"a":1`)
    await answersOthers(url)
    await Promise.all(truncated.map((one) => one.heard))
    expect(service.asked).toHaveLength(20)
    expect(service.errors).toEqual([])
    await expect.poll(() => connectionsOf(service)).toBe(0)
  })

  it('that leave while their answer is being made are known to be gone, and leave nothing behind', async () => {
    const gate = Promise.withResolvers<void>()
    const gone: (() => boolean)[] = []
    await using service = await startDouble(
      async ({ call, input }) => {
        if ((input as { body: { wait?: boolean } }).body.wait) {
          gone.push(() => call.gone?.() === true)
          await gate.promise
        }
        return {}
      },
      { slowness: PATIENT },
    )
    const url = await service.listen()
    const leaving = await clients(service)
    for (const { socket } of leaving) socket.write(`${POST}content-length: 13\r\n\r\n{"wait":true}`)
    await expect.poll(() => gone.length).toBe(MANY)
    expect(gone.some((left) => left())).toBe(false)
    for (const { socket } of leaving) socket.resetAndDestroy()
    await expect.poll(() => gone.every((left) => left())).toBe(true)
    await answersOthers(url)
    gate.resolve()
    await expect.poll(() => connectionsOf(service)).toBe(0)
    expect(service.errors).toEqual([])
  })

  it('that say they send more than is taken are refused before they do', async () => {
    await using service = await startDouble(() => ({}), { slowness: PATIENT, maxBodyBytes: 10_000 })
    const url = await service.listen()
    const large = await clients(service)
    for (const { socket } of large) socket.end(`${POST}connection: close\r\ncontent-length: ${2 ** 50}\r\n\r\n{`)
    for (const text of await Promise.all(large.map((one) => one.heard))) expect(text).toMatch(/^HTTP\/1.1 413 /)
    await answersOthers(url)
    expect(service.asked).toHaveLength(20)
  })
})
