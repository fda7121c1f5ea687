// Every operation, asked with requests drawn from its own shape and spoiled somewhere: names that every object has, values that a
// database cannot store, numbers past every limit. A caller's nonsense is never a fault of the service, and every reply keeps to the contract.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Operation } from '../src/contract/operation.ts'
import { type OperationName, operations } from '../src/contract/operations/index.ts'
import { type Random, seededRandom } from '../src/core/random.ts'
import { startApp, type TestApp } from './helpers/app.ts'
import { untilBatchEnds } from './helpers/batch.ts'
import { aTrainedModel, CUSTOMER } from './helpers/builders.ts'

const ROUNDS = Number(process.env.RANDOM_ROUNDS ?? 20)
const SEED = Number(process.env.RANDOM_SEED ?? 1)

interface Node {
  readonly [key: string]: unknown
  readonly type?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly items?: Node
  readonly anyOf?: readonly Node[]
  readonly enum?: readonly unknown[]
  readonly minimum?: number
}

/** They take away what the others are about, or start trainings that outlast the test. */
const LEFT_OUT: readonly OperationName[] = ['schedules.run', 'models.train', 'versions.quantize', 'travel.train']

const NASTY: readonly unknown[] = [
  ...['constructor', 'toString', '__proto__', '', ' ', 'a\0b', '\ud800', '../../etc', '%', "';--", 'x'.repeat(20_000)],
  ...['1e999', 'NaN', '2026-02-30', '+275760-09-13T00:00:00Z', '-000001-01-01T00:00:00Z', 'Mars/Olympus', '0 0 31 2 *'],
  ...['http://127.0.0.1:1/', 'http://169.254.169.254/'],
  ...[null, true, 0, -0, -1, 1.5, 1e308, 2 ** 53, 2 ** 63, [], {}, [[]], [null], ['\0'], { 'a\0': 1 }, { '': 1 }],
]

let app: TestApp
let known: Readonly<Record<string, unknown>>

beforeAll(async () => {
  app = await startApp()
  const { client } = app
  const { model_id, job_id, dataset_id } = await aTrainedModel(client, { model_name: 'customers' })
  await client.features.declare({ entity_type: 'user', features: [{ name: 'age', dtype: 'number' }] })
  const { id: batch_id } = await client.batch_jobs.create({ model_id, input_batch: [CUSTOMER] })
  await untilBatchEnds(client, batch_id)
  const { prediction_id } = await client.models.predict({ model_id, input_data: CUSTOMER })
  const { id: webhook_id } = await client.webhooks.create({
    url: 'https://hooks.example/a',
    events: ['ml.model.deployed'],
  })
  const input = { model_name: 'customers', dataset_id, model_type: 'classification' }
  const planned = await client.schedules.create({ name: 'x', operation: 'models.train', input, cron: '0 0 1 1 *' })
  const jobs = { 'training_jobs.job_id': job_id, 'batch_jobs.job_id': batch_id }
  const ids = { model_id, dataset_id, prediction_id, webhook_id, schedule_id: planned.id, ...jobs }
  known = {
    ...ids,
    entity_type: 'user',
    version: '1.0.0',
    a: '1.0.0',
    b: '1.0.0',
    input_data: CUSTOMER,
    features: CUSTOMER,
  }
})
afterAll(() => app.stop())

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.integer(list.length)]!
}

/** A value that fits, as far as a shape says what fits. */
function fitting(random: Random, node: Node, path: readonly string[]): unknown {
  const name = path.at(-1)!
  const usual = known[`${path[0]!.split('.')[0]}.${name}`] ?? known[name]
  if (usual !== undefined && random.next() < 0.85) return usual
  if ('const' in node) return node.const
  if (node.enum) return pick(random, node.enum)
  if (node.anyOf) return fitting(random, pick(random, node.anyOf), path)
  if (node.properties) {
    const wanted = Object.entries(node.properties).filter(
      ([key]) => node.required?.includes(key) || random.next() < 0.35,
    )
    return Object.fromEntries(wanted.map(([key, child]) => [key, fitting(random, child, [...path, key])]))
  }
  if (node.type === 'array') {
    return Array.from({ length: 1 + random.integer(2) }, () => fitting(random, node.items ?? {}, path))
  }
  if (node.type === 'number' || node.type === 'integer') return (node.minimum ?? 0) + random.integer(5)
  if (node.type === 'boolean') return random.next() < 0.5
  if (node.format === 'date-time') return '2026-01-05T10:00:00Z'
  // A name that every object has is as good a word as any.
  return pick(random, ['customers', 'u1', 'x', 'constructor'])
}

/** The same with one thing changed, added or left out. */
function spoiled(random: Random, value: unknown, depth = 0): unknown {
  if (value === null || typeof value !== 'object' || random.next() < (depth === 0 ? 0.02 : 0.2))
    return pick(random, NASTY)
  if (Array.isArray(value)) return value.map((one, i) => (i === 0 ? spoiled(random, one, depth + 1) : one))
  const fields = Object.entries(value)
  const [key, field] = fields.length > 0 ? pick(random, fields) : ['x', null]
  const others = fields.filter(([name]) => name !== key)
  const kind = random.next()
  if (kind < 0.1) return Object.fromEntries(others)
  if (kind < 0.2) return Object.fromEntries([...fields, [String(pick(random, NASTY)), pick(random, NASTY)]])
  return Object.fromEntries([...others, [key, spoiled(random, field, depth + 1)]])
}

function requestOf(random: Random, name: OperationName, operation: Operation) {
  const fits = fitting(random, operation.input as unknown as Node, [name]) as Record<string, unknown>
  const places = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, place]) => place!)
  const text = (value: unknown) => encodeURIComponent(String(value).toWellFormed())
  const nasty = () => random.next() < 0.08
  const url = operation.path.replaceAll(/\{(\w+)\}/g, (_, place: string) =>
    text(nasty() ? pick(random, NASTY) : fits[place]),
  )
  const others = Object.fromEntries(Object.entries(fits).filter(([field]) => !places.includes(field)))
  const body = random.next() < 0.75 ? spoiled(random, others) : others
  if (operation.body !== 'query')
    return { url, body: JSON.stringify(operation.body === 'row' ? (fits.body ?? body) : body) }
  const query = Object.entries(body ?? {}).map(([field, value]) => `${text(field)}=${text(value).slice(0, 2000)}`)
  return { url: query.length > 0 ? `${url}?${query.join('&')}` : url, body: undefined }
}

const NAMES = (Object.keys(operations) as OperationName[]).filter((name) => !LEFT_OUT.includes(name))

it.each(NAMES.filter((name) => operations[name].method !== 'DELETE'))('%s takes what comes', async (name) => {
  const operation: Operation = operations[name]
  const random = seededRandom(SEED * 1000 + NAMES.indexOf(name))
  for (let round = 0; round < ROUNDS; round++) {
    const { url, body } = requestOf(random, name, operation)
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const reply = await app.inject({ method: operation.method, url, headers, ...(body !== undefined && { body }) })
    const asked = `${operation.method} ${url.slice(0, 300)} ${body?.slice(0, 600) ?? ''}`
    if (operation.reply !== 'probe') expect(reply.statusCode, `${asked}\n${reply.body.slice(0, 500)}`).toBeLessThan(500)
    expect(reply.headers['x-request-id'], asked).toBeTypeOf('string')
  }
})

it('is as healthy afterwards as before', async () => {
  const reply = await app.client.models.predict({ model_id: 'customers', input_data: CUSTOMER })
  expect(reply.version).toBe('1.0.0')
})
