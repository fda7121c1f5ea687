// JSON bodies as clients really send them: without a type, empty, compressed, broken, too large.
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { startDouble } from './http-double.ts'

const train = '/api/v1/ml/models/train'
const json = { 'content-type': 'application/json' }

describe('a JSON body', () => {
  it('is read without a Content-Type and with any JSON type', async () => {
    await using service = await startDouble(() => ({}))
    const types = [undefined, 'application/json', 'application/JSON; charset=utf-8', 'application/vnd.api+json']
    for (const type of types) {
      const headers = type === undefined ? {} : { 'content-type': type }
      const reply = await service.app.inject({ method: 'POST', url: train, payload: Buffer.from('{"a":1}'), headers })
      expect([type, reply.statusCode, service.asked.at(-1)?.input]).toEqual([type, 202, { a: 1 }])
    }
  })

  it('may be empty, whatever it calls itself', async () => {
    await using service = await startDouble(() => ({}))
    for (const type of [undefined, 'application/json', 'application/x-www-form-urlencoded']) {
      const headers = { 'content-length': '0', ...(type !== undefined && { 'content-type': type }) }
      expect((await service.app.inject({ method: 'POST', url: '/reload', headers })).statusCode).toBe(200)
    }
    expect(service.asked.map(({ input }) => input)).toEqual([{}, {}, {}])
  })

  it('may call itself plain text, as fetch says of a string where its caller names no type', async () => {
    await using service = await startDouble(() => ({}))
    const url = await service.app.listen({ port: 0 })
    const reply = await fetch(url + train, { method: 'POST', body: JSON.stringify({ a: 1 }) })
    expect([reply.status, service.asked.at(-1)?.input]).toEqual([202, { a: 1 }])
  })

  it.each([
    'text/html',
    'application/x-www-form-urlencoded',
    'application/xml',
    'multipart/form-data; boundary=x',
    'nonsense',
  ])('that calls itself %s is 415 and says what to send', async (type) => {
    await using service = await startDouble(() => ({}))
    const headers = { 'content-type': type }
    const reply = await service.app.inject({ method: 'POST', url: train, payload: '{"a":1}', headers })
    expect([reply.statusCode, reply.json().error_code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
  })

  it('that is broken is 400 with the place', async () => {
    await using service = await startDouble(() => ({}))
    const reply = await service.app.inject({ method: 'POST', url: train, payload: '{"a": oops}', headers: json })
    expect(reply.statusCode).toBe(400)
    expect(reply.json()).toMatchObject({ error_code: 'MALFORMED_JSON', details: { offset: 6, line: 1, column: 7 } })
  })

  it('that is not UTF-8 is 400', async () => {
    await using service = await startDouble(() => ({}))
    const payload = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])
    expect((await service.app.inject({ method: 'POST', url: train, payload, headers: json })).statusCode).toBe(400)
  })

  it('nested 10,000 deep, or reaching for a prototype, is 400', async () => {
    await using service = await startDouble(() => ({}))
    for (const payload of [`${'['.repeat(10_000)}${']'.repeat(10_000)}`, '{"a":{"__proto__":{"admin":true}}}']) {
      const reply = await service.app.inject({ method: 'POST', url: '/predict', payload, headers: json })
      expect([reply.statusCode, reply.json().error_code]).toEqual([400, 'MALFORMED_JSON'])
    }
    expect(service.asked).toEqual([])
  })
})

describe('a compressed body', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)('%s is read', async (encoding, compress) => {
    await using service = await startDouble(() => ({}))
    const headers = { ...json, 'content-encoding': encoding }
    await service.app.inject({ method: 'POST', url: train, payload: compress(Buffer.from('{"a":1}')), headers })
    expect(service.asked[0]?.input).toEqual({ a: 1 })
  })

  it('that unfolds beyond the limit is 413', async () => {
    await using service = await startDouble(() => ({}), { maxBodyBytes: 100_000 })
    const headers = { ...json, 'content-encoding': 'gzip' }
    const payload = gzipSync(Buffer.alloc(50_000_000, ' '))
    expect(payload.length).toBeLessThan(100_000)
    expect((await service.app.inject({ method: 'POST', url: train, payload, headers })).statusCode).toBe(413)
  })

  it('that is damaged, or compressed in an unknown way, is refused', async () => {
    await using service = await startDouble(() => ({}))
    const send = (encoding: string) =>
      service.app.inject({
        method: 'POST',
        url: train,
        payload: 'x',
        headers: { ...json, 'content-encoding': encoding },
      })
    expect((await send('gzip')).json().error_code).toBe('MALFORMED_BODY')
    expect((await send('zap')).json().error_code).toBe('UNSUPPORTED_MEDIA_TYPE')
  })
})

describe('a body over the limit', () => {
  it('is refused by its Content-Length, and the client can still read why', async () => {
    await using service = await startDouble(() => ({}), { maxBodyBytes: 10_000 })
    const address = await service.listen()
    const reply = await fetch(address + train, { method: 'POST', body: 'x'.repeat(20_000_000), headers: json })
    expect(reply.status).toBe(413)
    expect(await reply.json()).toMatchObject({ error_code: 'TOO_LARGE', details: { max_bytes: 10_000 } })
  })

  it('is refused while it arrives, when it never said how long it is', async () => {
    await using service = await startDouble(() => ({}), { maxBodyBytes: 10_000 })
    const request = httpRequest(`${await service.listen()}${train}`, { method: 'POST', headers: json })
    const answered = once(request, 'response')
    for (let i = 0; i < 100; i++) request.write('x'.repeat(1000))
    request.end()
    const [reply] = await answered
    expect(reply.statusCode).toBe(413)
    reply.resume()
  })
})

describe('a client that leaves', () => {
  it('in the middle of its body asks nothing and harms nobody', async () => {
    await using service = await startDouble(() => ({}))
    const address = await service.listen()
    const headers = { ...json, 'content-length': 1000 }
    const request = httpRequest(`${address}${train}`, { method: 'POST', headers })
    request.on('error', () => {})
    request.write('{"a":')
    await once(request, 'socket')
    await new Promise((resolve) => request.write(' ', resolve))
    request.destroy()
    expect((await fetch(`${address}/health`)).status).toBe(200)
    expect(service.asked.map(({ name }) => name)).toEqual(['health'])
    expect(service.errors).toEqual([])
  })

  it('fires the signal of its call', async () => {
    let heard: (reason: unknown) => void = () => {}
    const reason = new Promise((resolve) => {
      heard = resolve
    })
    let started: (value: unknown) => void = () => {}
    const running = new Promise((resolve) => {
      started = resolve
    })
    await using service = await startDouble(
      ({ call }) =>
        new Promise((_, reject) => {
          call.signal.addEventListener('abort', () => {
            heard(call.signal.reason)
            reject(call.signal.reason)
          })
          started(undefined)
        }),
    )
    const address = await service.listen()
    const asker = new AbortController()
    const reply = fetch(`${address}/health`, { signal: asker.signal }).catch((error: unknown) => error)
    await running
    asker.abort()
    await reply
    expect(await reason).toMatchObject({ code: 'CLIENT_GONE' })
    expect(service.errors).toEqual([])
  })
})

describe('a stop', () => {
  it('answers what is in flight, then lets the connection go', async () => {
    let finish: (value: unknown) => void = () => {}
    let started: (value: unknown) => void = () => {}
    const running = new Promise((resolve) => {
      started = resolve
    })
    const service = await startDouble(() => {
      started(undefined)
      return new Promise((resolve) => {
        finish = resolve
      })
    })
    const address = await service.listen()
    const reply = fetch(`${address}/health`)
    await running
    const closed = service.app.close()
    finish({ status: 'healthy' })
    expect(await (await reply).json()).toEqual({ status: 'healthy' })
    await closed
    await expect(fetch(`${address}/health`)).rejects.toThrow()
  })
})
