// Failures as replies.
import { connect } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ErrorResponse } from '../src/contract/errors.ts'
import { compileCheck } from '../src/core/check.ts'
import { FAILURE_KINDS, fail } from '../src/core/failure.ts'
import { startDouble } from './http-double.ts'

const check = compileCheck(ErrorResponse)
const statuses = {
  invalid: 422,
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  limited: 429,
  unavailable: 503,
  internal: 500,
} as const

describe('a failure', () => {
  it('of any kind, code, message and details is one ErrorResponse with the status of its kind', async () => {
    let failure: unknown
    await using service = await startDouble(() => Promise.reject(failure))
    const details = fc.option(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }), { nil: undefined })
    const code = fc.stringMatching(/^[A-Z][A-Z_]{0,20}$/)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...FAILURE_KINDS),
        code,
        fc.string(),
        details,
        async (kind, code, message, details) => {
          failure = fail(kind, code, message, { details })
          const reply = await service.app.inject('/health')
          const document = reply.json()
          expect(reply.statusCode).toBe(statuses[kind])
          expect(check(document)).toEqual([])
          expect(document).toMatchObject({ error_code: code, request_id: reply.headers['x-request-id'] })
          if (kind !== 'internal') expect(document.error).toBe(message)
          if (kind !== 'internal' && details) expect(document.details).toEqual(JSON.parse(JSON.stringify(details)))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('inside shows nothing of itself and leaves its stack in the log', async () => {
    await using service = await startDouble(() => Promise.reject(new Error('password is hunter2')))
    const reply = await service.app.inject({ url: '/health', headers: { 'x-request-id': 'r1' } })
    expect(reply.statusCode).toBe(500)
    expect(reply.body).not.toContain('hunter2')
    expect(reply.json().error).toBe('Internal error; the log has it under this request id')
    expect(service.errors[0]).toMatchObject({
      message: 'password is hunter2',
      fields: { requestId: 'r1', operation: 'health' },
    })
    expect(String(service.errors[0]?.fields.stack)).toContain('http-errors.test.ts')
  })

  it('that is not even an error is an internal one', async () => {
    await using service = await startDouble(() => Promise.reject('just words'))
    expect((await service.app.inject('/health')).statusCode).toBe(500)
  })

  it('of a library that happens to carry a status is still internal', async () => {
    await using service = await startDouble(() =>
      Promise.reject(Object.assign(new Error('no bucket'), { statusCode: 404 })),
    )
    expect((await service.app.inject('/health')).statusCode).toBe(500)
  })

  it('with details that cannot be written keeps its status', async () => {
    const loop: Record<string, unknown> = {}
    loop.self = loop
    await using service = await startDouble(() => Promise.reject(fail('conflict', 'LOOP', 'round', { details: loop })))
    const reply = await service.app.inject('/health')
    expect([reply.statusCode, reply.json().error_code]).toEqual([409, 'LOOP'])
  })

  it.each(['limited', 'unavailable'] as const)('of kind %s says when to come back', async (kind) => {
    let retryAfterSeconds: number | undefined = 2.2
    await using service = await startDouble(() => Promise.reject(fail(kind, 'BUSY', 'later', { retryAfterSeconds })))
    expect((await service.app.inject('/health')).headers['retry-after']).toBe('3')
    retryAfterSeconds = undefined
    expect((await service.app.inject('/health')).headers['retry-after']).toBe('1')
  })

  it('of authentication comes before the operation', async () => {
    await using service = await startDouble(() => ({}))
    const reply = await service.app.inject({ url: '/ready', headers: { 'x-tenant-id': 'nobody' } })
    expect([reply.statusCode, service.asked.length]).toEqual([401, 0])
  })

  it('under /v2 is the document of the Open Inference Protocol', async () => {
    await using service = await startDouble(() => ({}))
    const reply = await service.app.inject('/v2/nothing')
    expect([reply.statusCode, Object.keys(reply.json())]).toEqual([404, ['error']])
  })
})

describe('a request that fits no route', () => {
  it('is ROUTE_NOT_FOUND, whatever its body', async () => {
    await using service = await startDouble(() => ({}))
    const headers = { 'content-type': 'application/json' }
    const reply = await service.app.inject({ method: 'POST', url: '/nowhere', payload: '{broken', headers })
    expect(reply.json()).toMatchObject({ error_code: 'ROUTE_NOT_FOUND', error: 'There is nothing at POST /nowhere' })
    expect(check(reply.json())).toEqual([])
  })

  it('but another method of the same path is told which methods there are', async () => {
    await using service = await startDouble(() => ({}))
    const reply = await service.app.inject({ method: 'PUT', url: '/api/v1/ml/models/x?y=1', payload: {} })
    expect(reply.statusCode).toBe(405)
    expect(reply.headers.allow).toBe('DELETE, GET, HEAD, PATCH')
    expect(reply.json().error_code).toBe('METHOD_NOT_ALLOWED')
  })

  it('because its URL is broken or endless is malformed', async () => {
    await using service = await startDouble(() => ({}))
    for (const url of ['/api/v1/ml/models/%zz', `/api/v1/ml/models/${'x'.repeat(3000)}`]) {
      const reply = await service.app.inject(url)
      expect(reply.statusCode).toBe(400)
      expect(check(reply.json())).toEqual([])
    }
  })
})

describe('bytes that are not HTTP', () => {
  const send = async (address: string, text: string): Promise<string> => {
    const socket = connect(Number(new URL(address).port), '127.0.0.1')
    socket.write(text)
    let answer = ''
    for await (const chunk of socket) answer += chunk
    return answer
  }

  it.each([
    ['nonsense\r\n\r\n', 400, 'MALFORMED_REQUEST'],
    [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
  ])('%.20j are answered with an ErrorResponse', async (text, status, code) => {
    await using service = await startDouble(() => ({}))
    const answer = await send(await service.listen(), text)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    const document = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
    expect(check(document)).toEqual([])
    expect(document.error_code).toBe(code)
    expect(answer).toContain(`x-request-id: ${document.request_id}`)
  })
})
