// Requests in, dispatch, replies out: what every operation has in common.
import { describe, expect, it } from 'vitest'
import type { Operation } from '../src/contract/operation.ts'
import { type OperationName, operations } from '../src/contract/operations/index.ts'
import { startDouble } from './http-double.ts'

const base = '/api/v1/ml'
const names = Object.keys(operations) as OperationName[]

describe('routes', () => {
  it('answer every operation of the table under its method and path', async () => {
    await using service = await startDouble(({ name }) => {
      const { reply }: Operation = operations[name]
      return reply === 'events' || reply === 'download' ? Promise.reject(new Error('other tests')) : { ready: true }
    })
    for (const name of names) {
      const operation: Operation = operations[name]
      if (operation.body === 'file') continue
      const url = operation.path.replaceAll(/\{\w+\}/g, 'x')
      await service.app.inject({ method: operation.method, url })
      expect(service.asked.at(-1)?.name).toBe(name)
    }
  })

  it('hand over path parameters decoded', async () => {
    await using service = await startDouble(() => ({}))
    await service.app.inject(`${base}/models/${encodeURIComponent('a/b c%é')}/versions/1.0.0`)
    expect(service.asked[0]).toMatchObject({ name: 'versions.get', input: { model_id: 'a/b c%é', version: '1.0.0' } })
  })

  it('accept a trailing slash and names of any allowed length', async () => {
    await using service = await startDouble(() => ({}))
    expect((await service.app.inject(`${base}/models/${'m'.repeat(128)}/`)).statusCode).toBe(200)
  })

  it('answer HEAD where GET is answered', async () => {
    await using service = await startDouble(() => ({}))
    const reply = await service.app.inject({ method: 'HEAD', url: '/health' })
    expect([reply.statusCode, reply.body]).toEqual([200, ''])
  })

  it('tell a probe how the service is, whatever a load balancer sends along', async () => {
    await using service = await startDouble(() => ({ ready: true }))
    const health = await service.app.inject({ url: '/health?ts=1&ts=2', headers: { 'x-tenant-id': 'nobody' } })
    expect([health.statusCode, service.asked[0]?.input]).toEqual([200, {}])
    expect([(await service.app.inject('/ready?ts=1')).statusCode, service.asked[1]?.input]).toEqual([200, {}])
  })
})

describe('input', () => {
  it('converts the query string by the schema and leaves the rest to the check', async () => {
    await using service = await startDouble(() => ({}))
    await service.app.inject(`${base}/training-jobs?limit=5&status=running&model_id=7`)
    await service.app.inject({ method: 'DELETE', url: `${base}/datasets/d?force=true` })
    await service.app.inject({ method: 'DELETE', url: `${base}/datasets/d?force` })
    await service.app.inject(`${base}/models?limit=many&limit=more&extra=1`)
    expect(service.asked.map(({ input }) => input)).toEqual([
      { limit: 5, status: 'running', model_id: '7' },
      { dataset_id: 'd', force: true },
      { dataset_id: 'd', force: true },
      { limit: ['many', 'more'], extra: '1' },
    ])
  })

  it('merges body and path, and the query string too', async () => {
    await using service = await startDouble(() => ({}))
    await service.app.inject({
      method: 'POST',
      url: `${base}/models/churn/predict?version=1.0.0&explain=true`,
      payload: { input_data: { age: 3 } },
    })
    expect(service.asked[0]?.input).toEqual({
      model_id: 'churn',
      version: '1.0.0',
      explain: true,
      input_data: { age: 3 },
    })
  })

  it('refuses a path parameter that the body contradicts, and accepts one it repeats', async () => {
    await using service = await startDouble(() => ({}))
    const post = (model_id: string) =>
      service.app.inject({ method: 'POST', url: `${base}/models/a/deploy`, payload: { model_id, version: '1.0.0' } })
    const refused = await post('b')
    expect(refused.statusCode).toBe(422)
    expect(refused.json().details.errors).toEqual([
      { field: 'model_id', message: 'is also given in the URL, as "a"', value: 'b' },
    ])
    expect((await post('a')).statusCode).toBe(200)
  })

  it('takes the whole body as the row of /predict', async () => {
    await using service = await startDouble(() => ({ prediction: 1 }))
    await service.app.inject({ method: 'POST', url: '/predict', payload: { age: 3 } })
    await service.app.inject({ method: 'POST', url: '/predict', payload: [1, 2] })
    expect(service.asked.map(({ input }) => input)).toEqual([{ body: { age: 3 } }, { body: [1, 2] }])
  })

  it('refuses a body that is no object where fields are wanted', async () => {
    await using service = await startDouble(() => ({}))
    const reply = await service.app.inject({ method: 'POST', url: `${base}/models/train`, payload: [1] })
    expect(reply.statusCode).toBe(422)
    expect(reply.json().error).toContain('the body must be a JSON object')
  })
})

describe('replies', () => {
  it('wear the envelope, with message and status of the operation', async () => {
    await using service = await startDouble(() => ({ model_id: 'm', job_id: 'j', version: '1.0.0' }))
    const reply = await service.app.inject({ method: 'POST', url: `${base}/models/train`, payload: {} })
    expect(reply.statusCode).toBe(202)
    expect(reply.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(reply.json()).toEqual({
      success: true,
      message: 'Model training initiated',
      data: { model_id: 'm', job_id: 'j', version: '1.0.0' },
    })
  })

  it('are bare where the contract says so', async () => {
    await using service = await startDouble(() => ({ prediction: 1, probability: 0.73 }))
    const reply = await service.app.inject({ method: 'POST', url: '/predict', payload: {} })
    expect(reply.body).toBe('{"prediction":1,"probability":0.73}')
  })

  it('tell by the status whether the service is ready', async () => {
    let ready = false
    await using service = await startDouble(() => ({ ready }))
    expect((await service.app.inject('/ready')).statusCode).toBe(503)
    ready = true
    expect((await service.app.inject('/ready')).statusCode).toBe(200)
  })

  it('write BigInt and NaN as JSON can', async () => {
    await using service = await startDouble(() => ({ prediction: 9007199254740993n, probability: Number.NaN }))
    const reply = await service.app.inject({ method: 'POST', url: '/predict', payload: {} })
    expect(reply.body).toBe('{"prediction":9007199254740993,"probability":null}')
  })
})

describe('X-Request-ID', () => {
  it('is taken over when safe, reaches the caller, and stands on every kind of reply', async () => {
    await using service = await startDouble(({ name }) => (name === 'health' ? {} : Promise.reject(new Error('no'))))
    const urls = ['/health', '/ready', '/nowhere', '/metrics', '/docs', '/openapi.json', '/', `${base}/models/%zz`]
    for (const url of urls) {
      const reply = await service.app.inject({ url, headers: { 'x-request-id': 'mine-1' } })
      expect([url, reply.headers['x-request-id']]).toEqual([url, 'mine-1'])
    }
    expect(service.asked[0]?.call.caller.requestId).toBe('mine-1')
  })

  it.each(['has space', 'é', 'x'.repeat(129), ''])('is made when %j is not safe', async (given) => {
    await using service = await startDouble(() => ({}))
    const reply = await service.app.inject({ url: '/health', headers: { 'x-request-id': given } })
    expect(reply.headers['x-request-id']).toMatch(/^req_[0-9a-z]{26}$/)
  })
})

describe('the call', () => {
  it('carries caller and idempotency key', async () => {
    await using service = await startDouble(() => ({}))
    await service.app.inject({
      method: 'POST',
      url: `${base}/models`,
      payload: { name: 'm', type: 'regression' },
      headers: { 'x-tenant-id': 'acme', 'idempotency-key': 'k1' },
    })
    const { call } = service.asked[0]!
    expect(call).toMatchObject({ idempotencyKey: 'k1', caller: { tenantId: 'acme' } })
    expect(call.signal.aborted).toBe(false)
  })

  it('refuses an idempotency key that cannot be stored as it is', async () => {
    await using service = await startDouble(() => ({}))
    const headers = { 'idempotency-key': 'k'.repeat(256) }
    const reply = await service.app.inject({ method: 'POST', url: `${base}/models`, payload: {}, headers })
    expect([reply.statusCode, reply.json().details.errors[0].field]).toEqual([422, 'Idempotency-Key'])
  })
})

describe('beside the operations', () => {
  it('metrics count requests by operation and status class', async () => {
    await using service = await startDouble(() => ({}))
    await service.app.inject('/health')
    await service.app.inject('/nowhere')
    const { body } = await service.app.inject('/metrics')
    expect(body).toContain('ml_http_request_duration_seconds_count{operation="health",status="2xx"} 1')
    expect(body).toContain('ml_http_request_duration_seconds_count{operation="none",status="4xx"} 1')
  })

  it('the description, its page and the way to it are there', async () => {
    await using service = await startDouble(() => ({}))
    expect((await service.app.inject('/openapi.json')).json()).toEqual({ openapi: '3.1.1' })
    expect((await service.app.inject('/')).headers.location).toBe('/docs')
    const page = await service.app.inject('/docs')
    expect(page.headers['content-security-policy']).toMatch(/default-src 'none'.*script-src 'sha256-/)
    expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
  })

  it('routes of the application are served with the same errors', async () => {
    await using service = await startDouble(() => ({}), {
      setupRoutes: (app) => {
        app.get('/hello', async () => ({ hello: 'there' }))
        app.get('/teapot', async () => {
          throw Object.assign(new Error('no coffee'), { statusCode: 404 })
        })
      },
    })
    expect((await service.app.inject('/hello')).json()).toEqual({ hello: 'there' })
    expect((await service.app.inject('/teapot')).json()).toMatchObject({ success: false, error: 'no coffee' })
    expect((await service.app.inject({ method: 'POST', url: '/hello' })).headers.allow).toBe('GET, HEAD')
  })
})
