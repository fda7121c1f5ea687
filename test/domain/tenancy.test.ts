// Nothing of one tenant is visible to another: proven by a walk over the operations table, so that an operation that is
// added later is walked too, or fails here until it has its line in FOREIGN.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { type OperationName, operations } from '../../src/contract/operations/index.ts'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { untilBatchEnds } from '../helpers/batch.ts'
import { anAddingModel, aTrainedModel, CUSTOMER } from '../helpers/builders.ts'
import { type Refusal, refusal } from '../helpers/failing.ts'
import { storedKeys } from '../helpers/files.ts'
import { rowsOf } from '../helpers/tables.ts'
import { addModel, twoClassModel } from '../runtime-models.ts'

const A = 'tenant_a'
const B = 'tenant_b'

/** What belongs to somebody. */
interface Ids {
  readonly dataset_id: string
  readonly job_id: string
  readonly model_id: string
  readonly prediction_id: string
  readonly batch_job_id: string
  readonly webhook_id: string
  readonly delivery_id: string
  readonly schedule_id: string
}

type Fields = Record<string, unknown>

const version = '1.0.0'
const contract = { columns: [{ name: 'age', dtype: 'number' }] }
const model = ({ model_id }: Ids) => ({ model_id })
const dataset = ({ dataset_id }: Ids) => ({ dataset_id })
const job = ({ job_id }: Ids) => ({ job_id })
const schedule = ({ schedule_id }: Ids) => ({ schedule_id })
const webhook = ({ webhook_id }: Ids) => ({ webhook_id })
const batchJob = ({ batch_job_id }: Ids) => ({ job_id: batch_job_id })

/** A right request about something of somebody else; several where there are several ways to name it. */
const FOREIGN: Partial<Record<OperationName, ((ids: Ids) => Fields)[]>> = {
  'datasets.get': [dataset],
  'datasets.rows': [dataset],
  'datasets.validate': [(ids) => ({ ...dataset(ids), contract })],
  'datasets.delete': [dataset, (ids) => ({ ...dataset(ids), force: true })],
  'models.train': [(ids) => ({ ...dataset(ids), model_name: 'mine', model_type: 'classification', target: 'bought' })],
  'training_jobs.list': [model],
  'training_jobs.get': [job],
  'training_jobs.cancel': [job],
  'training_jobs.events': [job],
  'models.get': [model],
  'models.update': [(ids) => ({ ...model(ids), name: 'stolen' }), (ids) => ({ ...model(ids), description: null })],
  'models.delete': [model, (ids) => ({ ...model(ids), force: true })],
  'versions.list': [model],
  'versions.get': [(ids) => ({ ...model(ids), version })],
  'versions.import': [
    (ids) => ({ ...model(ids), file: addModel(1) }),
    (ids) => ({ ...model(ids), file: addModel(1), version }),
  ],
  'versions.quantize': [
    (ids) => ({ ...model(ids), version }),
    (ids) => ({ ...model(ids), version, precision: 'fp16', promotion: false }),
  ],
  'versions.trust': [(ids) => ({ ...model(ids), version, trusted: false })],
  'versions.artifact': [(ids) => ({ ...model(ids), version })],
  'versions.metadata': [(ids) => ({ ...model(ids), version })],
  'versions.evaluation': [(ids) => ({ ...model(ids), version })],
  'versions.explanation': [(ids) => ({ ...model(ids), version })],
  'versions.compare': [(ids) => ({ ...model(ids), a: version, b: '2.0.0' })],
  'models.lineage': [model],
  'models.deploy': [
    (ids) => ({ ...model(ids), version }),
    (ids) => ({ ...model(ids), version: '2.0.0', environment: 'staging' }),
  ],
  'models.rollback': [model],
  'models.deployments': [model],
  'rollouts.get': [(ids) => ({ ...model(ids), environment: 'production' })],
  'models.predict': [
    (ids) => ({ ...model(ids), input_data: CUSTOMER }),
    (ids) => ({ ...model(ids), input_data: CUSTOMER, version }),
    (ids) => ({ ...model(ids), input_data: CUSTOMER, environment: 'staging' }),
  ],
  'models.predict_batch': [
    (ids) => ({ ...model(ids), input_data: [CUSTOMER] }),
    (ids) => ({ ...model(ids), input_data: [CUSTOMER], version }),
  ],
  inference: [
    (ids) => ({ ...model(ids), features: CUSTOMER }),
    (ids) => ({ ...model(ids), features: [CUSTOMER], version }),
  ],
  predict_model: [(ids) => ({ ...model(ids), input_data: CUSTOMER })],
  'features.put': [() => ({ entity_type: 'user', entity_id: 'u1', features: { age: 1 } })],
  'features.get': [() => ({ entity_type: 'user', entity_id: 'u1' })],
  'features.read': [() => ({ entity_type: 'user', entity_ids: ['u1'] })],
  'features.ingest': [() => ({ entity_type: 'user', rows: [{ entity_id: 'u1', age: 1 }] })],
  'features.training_table': [
    (ids) => ({ ...dataset(ids), entity_type: 'user', entity_column: 'age', time_column: 'age' }),
    (ids) => ({ ...dataset(ids), entity_type: 'place', entity_column: 'age', time_column: 'age' }),
  ],
  'batch_jobs.create': [
    (ids) => ({ ...model(ids), input_batch: [CUSTOMER] }),
    (ids) => ({ ...model(ids), ...dataset(ids), version }),
  ],
  'batch_jobs.list': [model],
  'batch_jobs.get': [batchJob],
  'batch_jobs.events': [batchJob],
  'batch_jobs.results': [batchJob],
  'batch_jobs.cancel': [batchJob],
  'batch_jobs.delete': [batchJob],
  'schedules.get': [schedule],
  'schedules.update': [(ids) => ({ ...schedule(ids), active: false })],
  'schedules.delete': [schedule],
  'schedules.run': [schedule],
  'schedules.runs': [schedule],
  'webhooks.get': [webhook],
  'webhooks.update': [(ids) => ({ ...webhook(ids), active: false })],
  'webhooks.rotate': [webhook],
  'webhooks.delete': [webhook],
  'webhooks.deliveries': [webhook],
  'webhooks.replay': [webhook, (ids) => ({ ...webhook(ids), delivery_id: ids.delivery_id })],
  'predictions.feedback': [({ prediction_id }) => ({ prediction_id, actual: 1 })],
}

/** Answer for whoever is named, known or not: held to it by tests of their own, below. */
const ANSWERS_FOR_ANYBODY = ['match.score', 'notifications.optimize', 'recommend.destinations']

const takesId = Object.entries(operations).filter(([, { input }]) =>
  Object.keys((input as { properties: object }).properties).some((field) => field.endsWith('_id')),
)

async function call(client: MlClient, name: OperationName, input: Fields): Promise<unknown> {
  const [noun, verb] = name.split('.') as [string, string?]
  const found = (client as unknown as Record<string, unknown>)[noun]
  const method = (verb === undefined ? found : (found as Record<string, unknown>)[verb]) as (i: Fields) => unknown
  const answer = method(input)
  if (operations[name].reply !== 'events') return answer
  for await (const event of answer as AsyncIterable<unknown>) return event
  return undefined
}

/** The same words for an id that is somebody else's and for one that never was. */
function withoutIds({ kind, code, message, details }: Refusal, ids: Ids): unknown {
  const text = Object.values(ids).reduce((words, id) => words.replaceAll(id, '(id)'), message)
  return { kind, code, text, details }
}

const NOBODY: Ids = {
  dataset_id: 'dataset_01aaaaaaaaaaaaaaaaaaaaaaaa',
  job_id: 'job_01aaaaaaaaaaaaaaaaaaaaaaaa',
  model_id: 'model_01aaaaaaaaaaaaaaaaaaaaaaaa',
  prediction_id: 'pred_01aaaaaaaaaaaaaaaaaaaaaaaa',
  batch_job_id: 'batch_01aaaaaaaaaaaaaaaaaaaaaaaa',
  webhook_id: 'hook_01aaaaaaaaaaaaaaaaaaaaaaaa',
  delivery_id: 'dlv_01aaaaaaaaaaaaaaaaaaaaaaaa',
  schedule_id: 'sched_01aaaaaaaaaaaaaaaaaaaaaaaa',
}

describe.each([...DATABASES])('tenants on the %s database', (database) => {
  let app: TestApp
  let owned: Ids
  let before: unknown
  const everything = async () => ({ rows: await rowsOf(app, A), files: await storedKeys(app) })

  beforeAll(async () => {
    app = await startAppOn(database)
    const client = app.as(A)
    const { model_id, job_id, dataset_id } = await aTrainedModel(client)
    await client.versions.import({ model_id, file: twoClassModel(), trusted: true, version: '2.0.0' })
    await client.models.deploy({ model_id, version: '2.0.0', environment: 'staging' })
    const { prediction_id } = await client.models.predict({ model_id, input_data: CUSTOMER })
    await client.predictions.feedback({ prediction_id, actual: 1 })
    const features = [
      { name: 'age', dtype: 'number' as const },
      { name: 'pace', dtype: 'number' as const },
    ]
    await client.features.declare({ entity_type: 'user', features })
    await client.features.put({ entity_type: 'user', entity_id: 'u1', features: { age: 30, pace: 0.5 } })
    await client.features.put({ entity_type: 'user', entity_id: 'u2', features: { pace: 0.5 } })
    await app.as(B).features.declare({ entity_type: 'place', features })
    await client.interactions.record({ interactions: [{ user_id: 'u1', event: 'viewed' }] })
    const { id: batch_job_id } = await client.batch_jobs.create({ model_id, input_batch: [CUSTOMER] })
    await untilBatchEnds(client, batch_job_id)
    const { id: webhook_id } = await client.webhooks.create({
      url: 'https://example.org',
      events: ['ml.dataset.created'],
    })
    await client.datasets.create({ name: 'told', rows: [{ a: 1 }, { a: 2 }] })
    const delivery_id = (await client.webhooks.deliveries({ webhook_id })).items[0]!.id
    const { id: schedule_id } = await client.schedules.create({
      name: 'by hand',
      operation: 'batch_jobs.create',
      input: { model_id, input_batch: [CUSTOMER] },
      event: { type: 'anything' },
    })
    owned = { model_id, job_id, dataset_id, prediction_id, batch_job_id, webhook_id, delivery_id, schedule_id }
    before = await everything()
  })
  afterAll(() => app.stop())

  it('have a line in the walk for every operation that takes an id', () => {
    const names = takesId.map(([name]) => name).filter((name) => !ANSWERS_FOR_ANYBODY.includes(name))
    const missing = names.filter((name) => !FOREIGN[name as OperationName])
    expect(missing).toEqual([])
  })

  describe.each(Object.keys(FOREIGN) as OperationName[])('%s', (name) => {
    it.each(FOREIGN[name]!.map((make, way) => [way, make] as const))(
      'answers 404 for what is another tenant’s, as for what never was (way %d)',
      async (_, make) => {
        const foreign = await refusal(call(app.as(B), name, make(owned)))
        expect(foreign.kind).toBe('not_found')
        const never = await refusal(call(app.as(B), name, make(NOBODY)))
        expect(withoutIds(foreign, owned)).toEqual(withoutIds(never, NOBODY))
      },
    )
  })

  it('cannot be reached by the name of a model either', async () => {
    for (const [name, ways] of Object.entries(FOREIGN) as [OperationName, ((ids: Ids) => Fields)[]][]) {
      const named = ways.filter((make) => 'model_id' in make(owned))
      for (const make of named) {
        const { kind, code } = await refusal(call(app.as(B), name, make({ ...owned, model_id: 'customers' })))
        expect({ name, kind, code }).toEqual({ name, kind: 'not_found', code: 'MODEL_NOT_FOUND' })
      }
    }
  })

  it('learn nothing of another tenant’s users from how travellers match', async () => {
    const of = async (tenant: string, user_b_id: string) => {
      const { latency_ms: _, ...score } = await app.as(tenant).match.score({ user_a_id: 'u1', user_b_id })
      return score
    }
    expect(await of(B, 'u2')).toEqual(await of(B, 'never'))
    expect(await of(A, 'u2')).not.toEqual(await of(A, 'never'))
  })

  it('learn nothing of another tenant’s users from when they are notified', async () => {
    const reason = async (tenant: string) => {
      const asked = { user_id: 'u1', notification_type: 'message', urgency: 'low' } as const
      return (await app.as(tenant).notifications.optimize(asked)).reason
    }
    expect(await reason(A)).toContain('1 active hour')
    expect(await reason(B)).toContain('Nothing is known')
  })

  it('are recommended nothing of another tenant’s', async () => {
    const of = (tenant: string) => app.as(tenant).recommend.destinations({ user_id: 'u1' })
    expect(await of(B)).toEqual(await app.as(B).recommend.destinations({ user_id: 'never' }))
    expect((await of(B)).recommendations).toEqual([])
  })

  it('see empty lists', async () => {
    const client = app.as(B)
    for (const list of [client.datasets.list(), client.models.list(), client.training_jobs.list()]) {
      expect(await list).toEqual({ items: [], next_cursor: null })
    }
  })

  it('have no default model because somebody else has one', async () => {
    expect(await refusal(app.as(B).predict_default({ body: CUSTOMER }))).toMatchObject({ code: 'NO_DEFAULT_MODEL' })
    expect(await app.as(A).predict_default({ body: CUSTOMER })).toMatchObject({ prediction: 1 })
  })

  it('lost nothing by all that', async () => {
    expect(await everything()).toEqual(before)
  })

  it('keep their objects apart', async () => {
    const files = await storedKeys(app)
    expect(files.length).toBeGreaterThanOrEqual(6)
    expect(files.every((file) => file.startsWith(`tenants/${A}/`))).toBe(true)
    expect(files).toContain(`tenants/${A}/models/${owned.model_id}/CURRENT`)
    expect(files).toContain(`tenants/${A}/datasets/${owned.dataset_id}/data`)
  })

  it('may use the same names, and predict each with their own model', async () => {
    for (const [tenant, amount] of [
      ['one', 1],
      ['two', 2],
      ['default', 3],
    ] as const)
      await anAddingModel(app.as(tenant), { name: 'same', amount })
    for (const [tenant, answer] of [
      ['one', 11],
      ['two', 12],
      ['default', 13],
    ] as const) {
      const { prediction } = await app.as(tenant).models.predict({ model_id: 'same', input_data: { x: 10 } })
      expect([tenant, prediction]).toEqual([tenant, answer])
      const byNumber = await app.as(tenant).models.predict({ model_id: 'same', version: '1.0.0', input_data: [10] })
      expect([tenant, byNumber.prediction]).toEqual([tenant, answer])
    }
    const names = (await app.as('one').models.list()).items.map(({ name, tenant_id }) => ({ name, tenant_id }))
    expect(names).toEqual([{ name: 'same', tenant_id: 'one' }])
  })

  it('use the same Idempotency-Key without meeting', async () => {
    const input = { name: 'rows', rows: [{ a: 1 }, { a: 2 }] }
    const [one, two] = await Promise.all(
      ['one', 'two'].map((tenant) => app.as(tenant).datasets.create(input, { idempotencyKey: 'same-key' })),
    )
    expect(one?.id).not.toBe(two?.id)
  })

  it('may begin with a dot, and have their files all the same', async () => {
    const hidden = app.as('.hidden')
    const { id } = await hidden.datasets.create({ name: 'rows', rows: [{ a: 1 }, { a: 2 }] })
    expect((await hidden.datasets.rows({ dataset_id: id })).rows).toHaveLength(2)
    await anAddingModel(hidden, { name: 'same', amount: 4 })
    expect(await hidden.models.predict({ model_id: 'same', input_data: [10] })).toMatchObject({ prediction: 14 })
    expect(await storedKeys(app)).toContain(`tenants/~.hidden/datasets/${id}/data`)
  })

  it.each(['a b', 'a/b', 'x'.repeat(65), '..', '.', 'tenants/a', ''])('cannot be called %j', async (tenant) => {
    const reply = await app.inject({ method: 'GET', url: '/api/v1/ml/models', headers: { 'x-tenant-id': tenant } })
    expect(reply.statusCode).toBe(422)
    expect(reply.json()).toMatchObject({
      error_code: 'TENANT_INVALID',
      details: { errors: [{ field: 'X-Tenant-ID' }] },
    })
  })

  it('are called default where the header is missing', async () => {
    const url = '/api/v1/ml/models/same'
    const without = await app.inject({ method: 'GET', url })
    const named = await app.inject({ method: 'GET', url, headers: { 'x-tenant-id': 'default' } })
    expect(without.json()).toEqual(named.json())
    expect(without.json()).toMatchObject({ data: { tenant_id: 'default' } })
  })
})
