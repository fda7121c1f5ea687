// Commands and queries over a real NATS server: the same operations, errors and tenants as over HTTP, found by the tools of
// NATS, shared by replicas, and back by themselves after an outage.
import { randomBytes } from 'node:crypto'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNatsClient, type NatsClient } from '../src/client-nats.ts'
import { operations } from '../src/contract/operations/index.ts'
import { until } from './e2e/processes.ts'
import { startApp, type TestApp } from './helpers/app.ts'
import { untilBatchEnds } from './helpers/batch.ts'
import { anAddingModel } from './helpers/builders.ts'
import { refusal } from './helpers/failing.ts'
import { startNats } from './servers/nats.ts'
import type { TestServer } from './servers/server.ts'
import { servers } from './servers/servers.ts'

const { nats } = await servers('nats')
const MODEL = { model_id: 'adder' }

describe.skipIf(!nats)('messaging', () => {
  let server: TestServer
  let app: TestApp
  let connection: NatsConnection
  let client: NatsClient
  beforeAll(async () => {
    server = await startNats()
    app = await startApp({ config: { enableNats: true, natsUrl: server.url, serviceName: 'ml service' } })
    await anAddingModel(app.as('acme'))
    const { username, password, host } = new URL(server.url)
    connection = await connect({ servers: host, user: username, pass: password, maxReconnectAttempts: -1 })
    client = await createNatsClient({ connection, tenantId: 'acme' })
    await until(() => client.models.list(), { what: 'an answer over NATS' })
  }, 60_000)
  afterAll(async () => {
    await connection?.close()
    await app?.stop()
    await server?.[Symbol.asyncDispose]()
  })

  it('answers queries and commands as HTTP does', async () => {
    expect(await client.models.get(MODEL)).toEqual(await app.as('acme').models.get(MODEL))
    expect(await client.models.predict({ ...MODEL, input_data: { x: 4 } })).toMatchObject({ prediction: 5 })
    expect(await client.models.update({ ...MODEL, description: 'adds' })).toMatchObject({ description: 'adds' })
    expect(await client.inference({ ...MODEL, features: [[1]] })).toMatchObject({ results: [{ prediction: 2 }] })
    const { id } = await client.batch_jobs.create({ ...MODEL, input_batch: [[1], [2]] })
    await untilBatchEnds(client, id)
    const results = await client.batch_jobs.results({ job_id: id, format: 'csv' })
    expect(results.filename).toBe(`${id}.csv`)
    expect(await new Response(results.stream).text()).toBe('row,prediction,confidence,error\n0,2,,\n1,3,,\n')
  })

  it('answers the document of HTTP, request id and all', async () => {
    const { headers } = await import('@nats-io/transport-node')
    const list = headers()
    list.set('X-Tenant-ID', 'acme')
    list.set('x-request-id', 'my-request')
    const reply = await connection.request('ml.query.models.get', JSON.stringify(MODEL), {
      timeout: 5000,
      headers: list,
    })
    expect(reply.json()).toMatchObject({ success: true, data: { name: 'adder' } })
    expect(reply.headers?.get('X-Request-ID')).toBe('my-request')
  })

  it('refuses as HTTP does', async () => {
    expect(await refusal(client.models.get({ model_id: 'none' }))).toMatchObject({
      kind: 'not_found',
      code: 'MODEL_NOT_FOUND',
    })
    const bad = await refusal(client.models.predict({ ...MODEL, input_data: { x: 'much' } }))
    expect(bad).toMatchObject({ kind: 'invalid', fields: { 'input_data.x': 'must be a number' } })
    const other = await createNatsClient({ connection, tenantId: 'other' })
    expect(await refusal(other.models.get(MODEL))).toMatchObject({ code: 'MODEL_NOT_FOUND' })
    const nobody = await createNatsClient({ connection, tenantId: 'no good' })
    expect(await refusal(nobody.models.list())).toMatchObject({ code: 'TENANT_INVALID' })
    const broken = await connection.request('ml.query.models.get', '{', { timeout: 5000 })
    expect(broken.json()).toMatchObject({ success: false, error_code: 'MALFORMED_JSON' })
    expect(broken.headers?.get('Nats-Service-Error-Code')).toBe('400')
    for (const text of [
      '{"model_id":"adder","\\u005f_proto__":{}}',
      `{"model_id":"adder","input_data":${'['.repeat(2000)}${']'.repeat(2000)}}`,
      Buffer.from('{"model_id":"add\xfcr"}', 'latin1'),
    ]) {
      const refused = await connection.request('ml.query.models.get', text, { timeout: 5000 })
      expect(refused.json()).toMatchObject({ success: false, error_code: 'MALFORMED_JSON' })
    }
    expect(await refusal(client.versions.import({ ...MODEL, file: 'x' }))).toMatchObject({ code: 'NATS_UNSUPPORTED' })
  })

  it('is not waited for by a caller who leaves', async () => {
    const stop = new AbortController()
    const left = client.models.get(MODEL, { signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(left).rejects.toThrow('enough')
    await expect(client.models.get(MODEL, { signal: stop.signal })).rejects.toThrow('enough')
    expect(await client.models.get(MODEL, { signal: new AbortController().signal })).toMatchObject({ name: 'adder' })
  })

  it('refuses what is too large for NATS with its headers, and a key that is none, in the words of HTTP', async () => {
    const room = connection.info!.max_payload
    const row = (bytes: number) => ({ ...MODEL, input_data: { x: 1, y: 'y'.repeat(bytes) } })
    const frame = JSON.stringify(row(0)).length
    for (const over of [-1, 1]) {
      const refused = await refusal(client.models.predict(row(room - frame + over)))
      expect(refused).toMatchObject({ kind: 'too_large', code: 'REQUEST_TOO_LARGE' })
    }
    const idempotencyKey = randomBytes(3000).toString('base64')
    const made = await refusal(client.models.create({ name: 'keyed', type: 'custom' }, { idempotencyKey }))
    expect(made).toMatchObject({ kind: 'invalid', fields: { 'Idempotency-Key': expect.stringContaining('255') } })
  })

  it('is found by the tools of NATS, with every operation that fits one message', async () => {
    const ask = async (verb: string) =>
      (await connection.request(`$SRV.${verb}.ml-service`, '', { timeout: 5000 })).json()
    expect(await ask('PING')).toMatchObject({ type: 'io.nats.micro.v1.ping_response', name: 'ml-service' })
    const info = (await ask('INFO')) as { endpoints: { subject: string; queue_group: string }[] }
    const offered = Object.entries(operations).filter(([, { reply, body }]) => reply !== 'events' && body !== 'file')
    expect(info.endpoints.map(({ subject }) => subject)).toEqual(
      offered.map(([name, { kind }]) => `ml.${kind}.${name}`),
    )
    const stats = (await ask('STATS')) as { endpoints: { name: string; num_requests: number; num_errors: number }[] }
    const get = stats.endpoints.find(({ name }) => name === 'models-get')!
    expect(get.num_requests).toBeGreaterThan(0)
    expect(get.num_errors).toBeGreaterThan(0)
  })

  it('shares the requests among replicas: each is answered once', async () => {
    await using second = await startApp({ config: { enableNats: true, natsUrl: server.url, serviceName: 'second' } })
    expect(second.app.config.enableNats).toBe(true)
    const ping = async () => (await connection.request('$SRV.PING.second', '', { timeout: 1000 })).json()
    await until(ping, { what: 'the second replica' })
    const replies = await Promise.all(Array.from({ length: 40 }, () => client.algorithms.list()))
    expect(replies).toHaveLength(40)
    const stats = async (name: string) => {
      const document = (await connection.request(`$SRV.STATS.${name}`, '', { timeout: 1000 })).json() as {
        endpoints: { name: string; num_requests: number }[]
      }
      return document.endpoints.find((endpoint) => endpoint.name === 'algorithms-list')!.num_requests
    }
    expect((await stats('ml-service')) + (await stats('second'))).toBe(40)
  })

  it('is back after the server was away', async () => {
    await server.kill()
    expect(await app.as('acme').models.predict({ ...MODEL, input_data: { x: 1 } })).toMatchObject({ prediction: 2 })
    await server.restart()
    expect(await client.models.get(MODEL, { timeoutMs: 500, retries: 8 })).toMatchObject({ name: 'adder' })
  })
})
