// Traces as a collector sees them: one request, or one job with all that comes of it, is one trace, whatever door it came
// through, and whatever worker went on with it.
import { type Client, credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNatsClient, type NatsClient } from '../src/client-nats.ts'
import type { MlEvent } from '../src/contract/service.ts'
import type { Log } from '../src/core/log.ts'
import { defineModel } from '../src/domain/serving/index.ts'
import { until } from './e2e/processes.ts'
import { startApp, type TestApp } from './helpers/app.ts'
import { untilBatchEnds } from './helpers/batch.ts'
import { aDataset, anAddingModel } from './helpers/builders.ts'
import { type CollectedSpan, type Collector, startCollector } from './helpers/collector.ts'
import { type Receiver, startReceiver } from './helpers/receiver.ts'
import { servers } from './servers/servers.ts'

const { nats } = await servers('nats')

/** A trace that somebody else began, by its number. */
const traceOf = (n: number) => n.toString(16).padStart(32, 'a')
const PARENT = '00f067aa0ba902b7'
const parent = (n: number, flags = '01') => ({ traceparent: `00-${traceOf(n)}-${PARENT}-${flags}` })
const ASK = { model_id: 'adder', input_data: { x: 4 } }
const [HTTP, UNSAMPLED, GRPC, NATS, TRAINING, BATCH, MISSING, BATCHED, INVALID, BROKEN] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
]

const broken = defineModel({
  name: 'broken',
  input: Type.Object({}),
  output: Type.Number(),
  predict: () => {
    throw new TypeError('a bug')
  },
})

describe('a service that keeps traces', () => {
  let app: TestApp
  let collector: Collector
  let receiver: Receiver
  const lines: Record<string, unknown>[] = []
  const of = (n: number | undefined) => collector.spans.filter(({ traceId }) => traceId === traceOf(n!))
  const one = (spans: readonly CollectedSpan[], name: string) => {
    const found = spans.filter((span) => span.name === name)
    expect(found.map((span) => span.name)).toEqual([name])
    return found[0]!
  }

  beforeAll(async () => {
    collector = await startCollector()
    receiver = await startReceiver()
    app = await startApp({
      log: keeping(lines),
      models: [broken],
      config: {
        enableOtel: true,
        otelExporterOtlpEndpoint: `${collector.url}/`,
        otelExporterOtlpHeaders: 'x-api-key=a%20secret',
        otelServiceName: 'ml in tests',
        otelResourceAttributes: 'deployment.environment.name=test',
        otelTracesSamplerArg: 1,
        webhookAllowPrivate: true,
        cacheTtl: 0, // on a slow machine even this model would be worth it
        grpcPort: 0,
        ...(nats && { enableNats: true, natsUrl: nats.url, serviceName: `traces-${process.pid}` }),
      },
    })
    await app.app.listen({ host: '127.0.0.1', port: 0 })
    const { client } = app
    await anAddingModel(client)
    await client.webhooks.create({ url: receiver.url, events: ['ml.training.completed'] })
    await client.models.predict(ASK, { requestId: 'r-1', headers: { ...parent(HTTP!), tracestate: 'vendor=1' } })
    await client.models.predict(ASK, { headers: parent(UNSAMPLED!, '00') })
    await client.models.predict(ASK, { headers: { traceparent: '00-not-a-trace-01' } })
    await client.models.get({ model_id: 'nothing' }, { headers: parent(MISSING!) }).catch(() => {})
    await client.models
      .predict({ model_id: 'adder', input_data: { y: 1 } }, { headers: parent(INVALID!) })
      .catch(() => {})
    await client.models.predict({ model_id: 'broken', input_data: {} }, { headers: parent(BROKEN!) }).catch(() => {})
    await app.inject({ url: '/health', headers: parent(99) })
    await Promise.all(Array.from({ length: 12 }, () => client.models.predict(ASK, { headers: parent(BATCHED!) })))
    await overGrpc(app.app.grpcPort()!)
    if (nats) await overNats(nats.url)
    const { id } = await client.batch_jobs.create(
      { model_id: 'adder', input_batch: [[1], [2]] },
      { headers: parent(BATCH!) },
    )
    await untilBatchEnds(client, id)
    const dataset = await aDataset(client)
    const { job_id } = await client.models.train(
      { model_name: 'bought', dataset_id: dataset.id, model_type: 'classification', algorithm: 'logistic_regression' },
      { headers: parent(TRAINING!) },
    )
    for await (const _ of client.training_jobs.events({ job_id }));
    await until(() => receiver.received.length > 0, { what: 'the webhook' })
    await app.stop()
  }, 120_000)
  afterAll(async () => {
    await app?.stop()
    await receiver?.[Symbol.asyncDispose]()
    await collector?.[Symbol.asyncDispose]()
  })

  it('shows a prediction from the request to the batch it ran in', () => {
    const spans = of(HTTP)
    const server = one(spans, 'POST /api/v1/ml/models/:model_id/predict')
    expect(server).toMatchObject({ kind: 2, parentSpanId: PARENT, status: 0 })
    expect(server.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/api/v1/ml/models/:model_id/predict',
      'http.response.status_code': 200,
      'url.path': '/api/v1/ml/models/adder/predict',
      'modelyard.request_id': 'r-1',
      'modelyard.tenant': 'default',
    })
    const operation = one(spans, 'models.predict')
    const predict = one(spans, 'predict')
    const run = one(spans, 'run')
    expect(operation.parentSpanId).toBe(server.spanId)
    expect(predict.parentSpanId).toBe(operation.spanId)
    expect(predict.attributes).toMatchObject({ 'modelyard.model': 'adder', 'modelyard.version': '1.0.0' })
    expect([one(spans, 'queue').parentSpanId, run.parentSpanId]).toEqual([predict.spanId, predict.spanId])
    expect(run.attributes).toMatchObject({ 'modelyard.batch.rows': 1, 'modelyard.batch.leads': true })
    expect(run.durationMs).toBeLessThanOrEqual(predict.durationMs)
  })

  it('shows how many rows ran together, and counts each run once', () => {
    const runs = of(BATCHED).filter(({ name }) => name === 'run')
    expect(runs).toHaveLength(12)
    const leading = runs.filter(({ attributes }) => attributes['modelyard.batch.leads'])
    expect(leading.reduce((sum, { attributes }) => sum + Number(attributes['modelyard.batch.rows']), 0)).toBe(12)
  })

  it('keeps to the decision of the asker, and to the standard', () => {
    expect(of(UNSAMPLED)).toEqual([])
    const roots = collector.spans.filter((span) => span.name.endsWith('/predict') && span.parentSpanId === '')
    expect(roots).toHaveLength(1)
    expect(roots[0]!.traceId).toMatch(/^(?!0{32})[\da-f]{32}$/)
  })

  it('does not trace what asks whether it lives', () => {
    expect(of(99)).toEqual([])
  })

  it('names failures by their code; a mistake of the caller is no fault', () => {
    const [server, operation] = [one(of(MISSING), 'GET /api/v1/ml/models/:model_id'), one(of(MISSING), 'models.get')]
    expect(server).toMatchObject({ status: 0, attributes: { 'http.response.status_code': 404 } })
    for (const span of [server, operation]) {
      expect(span).toMatchObject({ status: 0, attributes: { 'error.type': 'MODEL_NOT_FOUND' } })
    }
    expect(one(of(INVALID), 'models.predict').attributes['error.type']).toBe('VALIDATION_ERROR')
  })

  it('marks what broke in the service, and the log says where to look', () => {
    const server = one(of(BROKEN), 'POST /api/v1/ml/models/:model_id/predict')
    expect(server).toMatchObject({ status: 2, attributes: { 'http.response.status_code': 500 } })
    expect(one(of(BROKEN), 'predict')).toMatchObject({ status: 2, attributes: { 'modelyard.model': 'broken' } })
    expect(lines.find(({ level }) => level === 'error')).toMatchObject({
      trace_id: traceOf(BROKEN!),
      span_id: server.spanId,
    })
  })

  it('shows transactions of the database', () => {
    const found = of(MISSING).filter(({ name }) => name === 'transaction')
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ kind: 3, attributes: { 'db.system.name': 'postgresql' } })
  })

  it('takes a trace over from gRPC', () => {
    const server = one(of(GRPC), 'inference.GRPCInferenceService/ModelInfer')
    expect(server).toMatchObject({
      kind: 2,
      parentSpanId: PARENT,
      attributes: {
        'rpc.system.name': 'grpc',
        'rpc.method': 'inference.GRPCInferenceService/ModelInfer',
        'rpc.response.status_code': 'OK',
        'modelyard.tenant': 'default',
      },
    })
    expect(one(of(GRPC), 'predict').parentSpanId).toBe(server.spanId)
  })

  it.skipIf(!nats)('takes a trace over from NATS', () => {
    const server = one(of(NATS), 'process ml.query.models.predict')
    expect(server).toMatchObject({
      kind: 5,
      parentSpanId: PARENT,
      attributes: { 'messaging.system': 'nats', 'messaging.destination.name': 'ml.query.models.predict' },
    })
    expect(one(of(NATS), 'models.predict').parentSpanId).toBe(server.spanId)
  })

  it('follows a training from its request through the worker to its event and its webhook', () => {
    const spans = of(TRAINING)
    const submitted = one(spans, 'models.train')
    const training = one(spans, 'training')
    expect(training).toMatchObject({ kind: 5, parentSpanId: submitted.spanId, status: 0 })
    const stages = spans.filter(
      ({ name, parentSpanId }) => name.startsWith('training.') && parentSpanId === training.spanId,
    )
    expect(stages.length).toBeGreaterThan(2)
    expect(spans.some(({ name }) => name === 'objects.put')).toBe(true)
    const event = spans.find(({ attributes }) => attributes['cloudevents.event_type'] === 'ml.training.completed')!
    expect(event).toMatchObject({ name: 'create ml.events', kind: 4 })
    const delivery = one(spans, 'POST webhook')
    expect(delivery).toMatchObject({
      kind: 3,
      parentSpanId: event.spanId,
      attributes: {
        'http.response.status_code': 204,
        'cloudevents.event_id': event.attributes['cloudevents.event_id'],
      },
    })
    const [got] = receiver.received
    const told = JSON.parse(got!.body) as MlEvent
    expect(told.traceparent).toBe(`00-${traceOf(TRAINING!)}-${event.spanId}-01`)
    expect(got!.headers.traceparent).toBe(`00-${traceOf(TRAINING!)}-${delivery.spanId}-01`)
  })

  it('follows a batch job to its chunks', () => {
    const submitted = one(of(BATCH), 'batch_jobs.create')
    const chunk = one(of(BATCH), 'batch.chunk')
    expect(chunk.parentSpanId).toBe(submitted.spanId)
    expect(chunk.attributes).toMatchObject({ 'modelyard.rows': 2, 'modelyard.tenant': 'default' })
    expect(of(BATCH).some(({ attributes }) => attributes['cloudevents.event_type'] === 'ml.batch.completed')).toBe(true)
  })

  it('says who it is, and shows the collector its key', () => {
    expect(collector.spans[0]!.resource).toMatchObject({
      'service.name': 'ml in tests',
      'deployment.environment.name': 'test',
    })
    expect(collector.headers.every((headers) => headers['x-api-key'] === 'a secret')).toBe(true)
  })

  it('writes no key into the log', () => {
    expect(JSON.stringify(lines)).not.toContain('a secret')
    expect(lines.some(({ collector: place }) => place === `${collector.url}/v1/traces`)).toBe(true)
  })
})

describe('a collector that is away', () => {
  it('costs no prediction anything, is told of once, and gets the spans when it is back', async () => {
    const lines: Record<string, unknown>[] = []
    let collector: Collector | undefined = await startCollector()
    const { url } = collector
    await collector[Symbol.asyncDispose]()
    const config = {
      enableOtel: true,
      otelExporterOtlpEndpoint: url,
      otelExporterOtlpTimeout: 500,
      otelTracesSampler: 'always_on',
    } as const
    await using app = await startApp({ log: keeping(lines), config })
    await anAddingModel(app.client)
    const warnings = () => lines.filter(({ level, collector }) => level === 'warn' && collector !== undefined)
    const predictUntil = (done: () => boolean, what: string) =>
      until(
        async () => {
          expect(await app.client.models.predict(ASK)).toMatchObject({ prediction: 5 })
          return done()
        },
        { what, everyMs: 50, timeoutMs: 30_000 },
      )
    await predictUntil(() => warnings().length > 0, 'the warning')
    collector = await startCollector(Number(new URL(url).port))
    const known = collector
    await predictUntil(() => known.spans.length > 0, 'spans')
    expect(warnings()).toHaveLength(1)
    await until(() => lines.some(({ message }) => message === 'traces are sent again'), { what: 'the good news' })
    await app.stop()
    await collector[Symbol.asyncDispose]()
  }, 60_000)

  it('holds up the stop of the service for a bounded time', async () => {
    await using collector = await startCollector()
    collector.answer = () => {} // never
    const config = {
      enableOtel: true,
      otelExporterOtlpEndpoint: collector.url,
      // Whoever waited for this would wait for ever.
      otelExporterOtlpTimeout: 3_600_000,
      otelTracesSampler: 'always_on',
    } as const
    const app = await startApp({ config })
    await anAddingModel(app.client)
    await app.stop()
  })
})

describe('a service that samples nothing', () => {
  it('sends nothing, and hands the decision on', async () => {
    await using collector = await startCollector()
    const config = { enableOtel: true, otelExporterOtlpEndpoint: collector.url, otelTracesSamplerArg: 0 }
    const app = await startApp({ config })
    const heard: MlEvent[] = []
    await app.app.services.bus.subscribe('ml.events.default', async ({ data, headers }) => {
      const event = JSON.parse(new TextDecoder().decode(data)) as MlEvent
      expect(headers.traceparent).toBe(event.traceparent)
      heard.push(event)
    })
    await anAddingModel(app.client)
    await app.client.models.predict(ASK)
    await until(() => heard.length > 0, { what: 'an event' })
    await app.stop()
    expect(heard[0]!.traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-00$/)
    expect(collector.headers).toEqual([])
  })
})

/** Keeps what is logged, with the fields of its children. */
function keeping(lines: Record<string, unknown>[], more: Readonly<Record<string, unknown>> = {}): Log {
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push({ ...more, ...fields, level, message })
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => keeping(lines, { ...more, ...fields }),
  }
}

async function overGrpc(port: number): Promise<void> {
  const file = new URL('../src/grpc/open_inference.proto', import.meta.url).pathname
  const loaded = loadPackageDefinition(loadSync(file, { keepCase: true })) as unknown as {
    inference: {
      GRPCInferenceService: new (...args: unknown[]) => Client & Record<string, (...args: unknown[]) => void>
    }
  }
  const client = new loaded.inference.GRPCInferenceService(`127.0.0.1:${port}`, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('traceparent', parent(GRPC!).traceparent)
  const input = { name: 'x', datatype: 'FP32', shape: [1], contents: { fp32_contents: [4] } }
  await new Promise((resolve, reject) => {
    client.ModelInfer!({ model_name: 'adder', inputs: [input] }, metadata, (error: unknown, value: unknown) =>
      error ? reject(error) : resolve(value),
    )
  })
  client.close()
}

async function overNats(url: string): Promise<void> {
  const client: NatsClient = await createNatsClient({ url })
  await until(() => client.models.predict(ASK, { headers: parent(NATS!) }), { what: 'an answer over NATS' })
  await client.close()
}
