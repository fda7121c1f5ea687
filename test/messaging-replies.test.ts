// Replies larger than a message of NATS: kept in its object store, and read from there by the client as if they had come at once.
// The server takes 8 KiB, so that most replies are large.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, headers, type Msg, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNatsClient, type NatsClient } from '../src/client-nats.ts'
import { chunkSubject, nameOfDataref, type ReplyReference } from '../src/core/reply-object.ts'
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
const ROWS = 40_000
const MAX_PAYLOAD = 8192
const STREAM = 'OBJ_ML_REPLIES'
const mayOf = (tenant: string) =>
  `{ user: "${tenant}", password: "secret", permissions: {
    publish: ["ml.query.>", "ml.command.>", "ml.replies.read", "$JS.API.DIRECT.GET.${STREAM}.$O.ML_REPLIES.C.${tenant}.>"],
    subscribe: ["_INBOX_${tenant}.>"] } }`

describe.skipIf(!nats)('long replies over NATS', () => {
  let server: TestServer
  let app: TestApp
  let connection: NatsConnection
  let client: NatsClient
  let job: string
  beforeAll(async () => {
    server = await startNats({ maxPayload: MAX_PAYLOAD, users: [mayOf('acme'), mayOf('globex')] })
    app = await startApp({ config: { enableNats: true, natsUrl: server.url, natsRepliesMb: 4 } })
    await anAddingModel(app.as('acme'))
    connection = await connect({ ...addressOf(server.url), maxReconnectAttempts: -1 })
    client = await createNatsClient({ connection, tenantId: 'acme' })
    await until(() => client.algorithms.list(), { what: 'an answer over NATS' })
    const rows = Array.from({ length: ROWS }, (_, x) => ({ x }))
    job = (await app.as('acme').batch_jobs.create({ ...MODEL, input_batch: rows })).id
    await untilBatchEnds(app.as('acme'), job)
  }, 60_000)
  afterAll(async () => {
    await connection?.close()
    await app?.stop()
    await server?.[Symbol.asyncDispose]()
  })

  const results = { limit: undefined, format: 'jsonl' } as const
  const expected = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `{"row":${from + i},"prediction":${from + i + 1}}\n`).join('')
  const stored = async () => {
    const { streams } = await jetstreamManager(connection)
    const { state } = await streams.info(STREAM, { subjects_filter: '$O.>' })
    return Object.keys(state.subjects ?? {})
  }
  /** The reference itself, as one without our client has it. */
  const asked = async (subject: string, input: object, tenantId = 'acme'): Promise<Msg> => {
    const list = headers()
    list.set('X-Tenant-ID', tenantId)
    return await connection.request(subject, JSON.stringify(input), { timeout: 20_000, headers: list })
  }
  const reference = async () => (await asked('ml.query.batch_jobs.results', { job_id: job })).json<ReplyReference>()

  it('come whole and in order, files and documents, and lie nowhere once they were read', async () => {
    const { stream, size, filename } = await client.batch_jobs.results({ job_id: job, ...results })
    const text = await new Response(stream).text()
    expect(text === expected(0, ROWS)).toBe(true)
    expect([size, filename]).toEqual([text.length, `${job}.jsonl`])
    expect(await client.algorithms.list()).toEqual(await app.client.algorithms.list())
    await until(async () => (await stored()).length === 0, { what: 'the store to be empty' })
  })

  it('end where their reader has had enough', async () => {
    const stop = new AbortController()
    const { stream } = await client.batch_jobs.results({ job_id: job, ...results }, { signal: stop.signal })
    const read = async () => {
      for await (const _ of stream) stop.abort(new Error('enough'))
    }
    await expect(read()).rejects.toThrow('enough')
  })

  it('are objects of NATS, which its tools find and read', async () => {
    const reply = await asked('ml.query.batch_jobs.results', { job_id: job })
    const { dataref, size_bytes, chunks, digest, content_type } = reply.json<ReplyReference>()
    expect(reply.headers?.get('X-Dataref')).toBe(dataref)
    expect(reply.headers?.get('X-Filename')).toBe(`${job}.jsonl`)
    expect(content_type).toBe(reply.headers?.get('Content-Type'))
    const name = nameOfDataref(dataref)!
    expect(name).toMatch(/^acme\.[A-Za-z0-9_-]{24}$/)
    // As tools of NATS read an object: metadata by name, chunks by a consumer of the subject that it tells.
    const { streams } = await jetstreamManager(connection)
    const last_by_subj = `$O.ML_REPLIES.M.${Buffer.from(name).toString('base64url')}`
    const info = (await streams.getMessage(STREAM, { last_by_subj }))!.json<Record<string, string>>()
    expect(info).toMatchObject({ name, bucket: 'ML_REPLIES', size: size_bytes, chunks, digest })
    const filter_subjects = `$O.ML_REPLIES.C.${info.nuid}`
    const consumer = await jetstream(connection).consumers.get(STREAM, { filter_subjects })
    const hash = createHash('sha256')
    for await (const { data } of await consumer.fetch({ max_messages: chunks })) hash.update(data)
    expect(`SHA-256=${hash.digest('base64url')}=`).toBe(digest)
  })

  it('carry failures too: more findings than fit a message', async () => {
    const name = 'x'.repeat(50)
    const contract = { columns: [{ name, dtype: 'number', required: true, nullable: false }] }
    const rows = Array.from({ length: 100 }, () => ({ [name]: 'much' }))
    const refused = await refusal(client.datasets.create({ name: 'wrong', rows, contract } as never))
    expect(refused.kind).toBe('invalid')
    const overHttp = await refusal(app.as('acme').datasets.create({ name: 'wrong', rows, contract } as never))
    expect(refused).toEqual(overHttp)
    expect(JSON.stringify(refused.details).length).toBeGreaterThan(MAX_PAYLOAD)
  })

  it('are read by whoever NATS lets read them, and by no other tenant', async () => {
    const as = async (user: string) => {
      const connection = await connect({
        servers: new URL(server.url).host,
        user,
        pass: 'secret',
        inboxPrefix: `_INBOX_${user}`,
      })
      return { connection, client: await createNatsClient({ connection, tenantId: 'acme' }) }
    }
    const [own, foreign] = [await as('acme'), await as('globex')]
    try {
      const { stream } = await own.client.batch_jobs.results({ job_id: job, ...results })
      expect((await new Response(stream).text()).length).toBe(expected(0, ROWS).length)
      const name = nameOfDataref((await reference()).dataref)!
      const subject = `$JS.API.DIRECT.GET.${STREAM}.${chunkSubject(name, 0)}`
      expect((await own.connection.request(subject)).string()).toContain('{"row":0,')
      await expect(foreign.connection.request(subject)).rejects.toThrow(/Permissions Violation/i)
      // Nor by a client that says it is acme: it is refused, and told why.
      const { stream: theirs } = await foreign.client.batch_jobs.results({ job_id: job, ...results })
      expect(await refusal(new Response(theirs).text())).toMatchObject({ code: 'NATS_FORBIDDEN' })
    } finally {
      await Promise.all([own.connection.close(), foreign.connection.close()])
    }
  })

  it('that are gone are a clear failure, from the first chunk as from a later one', async () => {
    const { streams } = await jetstreamManager(connection)
    const { stream } = await client.batch_jobs.results({ job_id: job, ...results })
    await streams.purge(STREAM)
    expect(await refusal(new Response(stream).text())).toMatchObject({ kind: 'unavailable', code: 'REPLY_GONE' })
    const { stream: second } = await client.batch_jobs.results({ job_id: job, ...results })
    const reader = second.getReader()
    await reader.read()
    await streams.delete(STREAM)
    const rest = (async () => {
      while (!(await reader.read()).done);
    })()
    expect(await refusal(rest)).toMatchObject({ code: 'REPLY_GONE' })
    // The store is made again by the next long reply.
    expect((await client.algorithms.list()).items.length).toBeGreaterThan(0)
  })

  it('wait in the store while the server restarts', async () => {
    const { stream } = await client.batch_jobs.results({ job_id: job, ...results })
    const reader = stream.getReader()
    const pieces: Uint8Array[] = [(await reader.read()).value!]
    await server.kill()
    const rest = (async () => {
      for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(next.value)
    })()
    await sleep(500)
    await server.restart()
    await rest
    expect(Buffer.concat(pieces).toString() === expected(0, ROWS)).toBe(true)
    await until(() => client.models.get(MODEL, { timeoutMs: 500 }), { what: 'an answer over NATS', timeoutMs: 30_000 })
  })

  it('need not be long for a request to be: that is refused before it is sent', async () => {
    const input_data = Array.from({ length: 2000 }, (_, x) => ({ x }))
    expect(await refusal(client.models.predict_batch({ ...MODEL, input_data }))).toMatchObject({
      kind: 'too_large',
      code: 'REQUEST_TOO_LARGE',
    })
  })
})

describe.skipIf(!nats)('long replies where NATS keeps none', () => {
  it('are refused with the reason, and short ones go on', async () => {
    await using server = await startNats({ maxPayload: MAX_PAYLOAD, jetStream: false })
    await using app = await startApp({ config: { enableNats: true, natsUrl: server.url } })
    await anAddingModel(app.client)
    await using client = await disposable(server.url)
    const { name } = await until(() => client.client.models.get(MODEL), { what: 'an answer over NATS' })
    expect(name).toBe('adder')
    expect(await refusal(client.client.algorithms.list())).toMatchObject({
      kind: 'unavailable',
      code: 'REPLY_NOT_KEPT',
      message: expect.stringContaining('jetstream is not enabled'),
    })
  })
})

describe.skipIf(!nats)('a reply longer than one may be', () => {
  it('is refused, and leaves nothing behind', async () => {
    await using server = await startNats({ maxPayload: MAX_PAYLOAD })
    await using app = await startApp({ config: { enableNats: true, natsUrl: server.url, natsRepliesMb: 1 } })
    await anAddingModel(app.client)
    await using client = await disposable(server.url)
    await until(() => client.client.models.get(MODEL), { what: 'an answer over NATS' })
    const rows = Array.from({ length: ROWS }, (_, x) => ({ x }))
    const { id } = await app.client.batch_jobs.create({ ...MODEL, input_batch: rows })
    await untilBatchEnds(app.client, id)
    expect(await refusal(client.client.batch_jobs.results({ job_id: id }))).toMatchObject({ code: 'REPLY_TOO_LARGE' })
    const connection = await connect(addressOf(server.url))
    try {
      const { streams } = await jetstreamManager(connection)
      expect((await streams.info(STREAM)).state.messages).toBe(0)
    } finally {
      await connection.close()
    }
    const part = await client.client.batch_jobs.results({ job_id: id, offset: ROWS - 1 })
    expect(await new Response(part.stream).text()).toBe(`{"row":${ROWS - 1},"prediction":${ROWS}}\n`)
  })
})

async function disposable(url: string) {
  const client = await createNatsClient({ url })
  return { client, [Symbol.asyncDispose]: () => client.close() }
}

function addressOf(url: string) {
  const { username, password, host } = new URL(url)
  return { servers: host, user: username, pass: password }
}
