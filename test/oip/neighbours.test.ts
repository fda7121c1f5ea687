// The doors for clients of KServe V1, TensorFlow Serving, MLflow and SageMaker, and the description of a single model.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aTrainedModel, CUSTOMER } from '../helpers/builders.ts'

let app: TestApp
let expected: unknown

beforeAll(async () => {
  app = await startApp()
  await aTrainedModel(app.client, { algorithm: 'logistic_regression' })
  expected = (await app.client.models.predict({ model_id: 'customers', input_data: CUSTOMER })).prediction
}, 120_000)
afterAll(() => app.stop())

const post = (url: string, payload: string | object, type = 'application/json') =>
  app.app.http.inject({ method: 'POST', url, payload, headers: { 'content-type': type } })

describe('KServe V1', () => {
  it('predicts rows of columns, for the live version and for one by number', async () => {
    for (const url of ['/v1/models/customers:predict', '/v1/models/customers/versions/1.0.0:predict']) {
      const reply = await post(url, { instances: [CUSTOMER, CUSTOMER] })
      expect([reply.statusCode, reply.json()]).toEqual([200, { predictions: [expected, expected] }])
    }
  })

  it('says which models are there and ready', async () => {
    expect((await app.app.http.inject('/v1/models')).json()).toEqual({ models: ['customers'] })
    expect((await app.app.http.inject('/v1/models/customers')).json()).toEqual({ name: 'customers', ready: true })
    expect((await app.app.http.inject('/v1/models/nobody')).statusCode).toBe(404)
    await post('/v2/repository/models/customers/unload', {})
    const away = await app.app.http.inject('/v1/models/customers')
    expect([away.statusCode, away.json()]).toEqual([503, { name: 'customers', ready: false }])
    await post('/v2/repository/models/customers/load', {})
    expect((await app.app.http.inject('/v1/models/customers')).statusCode).toBe(200)
  })

  it('names a wrong value by its place in the request', async () => {
    const reply = await post('/v1/models/customers:predict', { instances: [CUSTOMER, { ...CUSTOMER, age: 'old' }] })
    expect(reply.statusCode).toBe(422)
    expect(reply.json().details.errors[0]).toMatchObject({ field: 'instances.1.age' })
  })

  it('explains as the API does, beside the predictions', async () => {
    const asked = { model_id: 'customers', features: CUSTOMER, explain: true }
    const [own] = (await app.client.inference(asked)).results
    for (const url of ['/v1/models/customers:explain', '/v1/models/customers/versions/1.0.0:explain']) {
      const reply = await post(url, { instances: [CUSTOMER] })
      expect([reply.statusCode, reply.json()]).toEqual([
        200,
        { predictions: [expected], explanations: [own!.explanation] },
      ])
    }
    expect((await post('/v1/models/customers:explain', { instances: [] })).json()).toEqual({
      predictions: [],
      explanations: [],
    })
    for (const verb of ['predict', 'explain'])
      expect((await post(`/v1/models/nobody:${verb}`, { instances: [] })).statusCode).toBe(404)
    const many = await post('/v1/models/customers:explain', { instances: Array.from({ length: 101 }, () => CUSTOMER) })
    expect(many.json()).toMatchObject({
      error_code: 'EXPLANATION_TOO_LARGE',
      details: { errors: [{ field: 'instances' }] },
    })
  })

  it('knows no other verb', async () => {
    expect((await post('/v1/models/customers:classify', { instances: [] })).statusCode).toBe(404)
    expect((await post('/v1/models/customers:toString', { instances: [] })).statusCode).toBe(404)
    expect((await post('/v1/models/customers', { instances: [] })).statusCode).toBe(404)
  })
})

describe('MLflow and SageMaker', () => {
  const columns = Object.keys(CUSTOMER)
  const csv = `${columns.join(',')}\n${Object.values(CUSTOMER).join(',')}\n`

  it.each<[string, string | object, string?]>([
    ['dataframe_split', { dataframe_split: { columns, data: [Object.values(CUSTOMER)] } }],
    ['dataframe_records', { dataframe_records: [CUSTOMER] }],
    ['instances', { instances: [CUSTOMER], params: {} }],
    ['instances beside a form that is null', { instances: [CUSTOMER], inputs: null }],
    ['inputs', { inputs: Object.fromEntries(columns.map((name) => [name, [CUSTOMER[name as 'age']]])) }],
    ['CSV', csv, 'text/csv'],
  ])('answer %s', async (_form, payload, type) => {
    const reply = await post('/invocations', payload, type)
    expect([reply.statusCode, reply.json()]).toEqual([200, { predictions: [expected] }])
  })

  it('refuse what they do not know', async () => {
    expect((await post('/invocations', {})).statusCode).toBe(400)
    expect((await post('/invocations', 'x', 'application/x-parquet')).statusCode).toBe(415)
    for (const [text, type] of [
      [csv.replace('\n', ',age\n').replace(/\n$/, ',1\n'), 'text/csv'],
      [{ dataframe_split: { columns: ['age', 'age'], data: [[1, 2]] } }, 'application/json'],
    ] as const) {
      const twice = await post('/invocations', text, type)
      expect([twice.statusCode, twice.json().error]).toEqual([400, expect.stringContaining('"age" twice')])
    }
  })

  it('refuse bytes that are no text, rather than to predict from what they would become', async () => {
    const latin = Buffer.from(csv.replace('Oslo', 'Ålesund'), 'latin1')
    const split = Buffer.from(JSON.stringify({ dataframe_records: [{ ...CUSTOMER, city: 'Å' }] }), 'latin1')
    for (const [payload, type] of [
      [latin, 'text/csv'],
      [split, 'application/json'],
    ] as const) {
      const reply = await post('/invocations', payload, type)
      expect([reply.statusCode, reply.json().error]).toEqual([400, expect.stringContaining('not UTF-8')])
    }
  })

  it('answer their probes', async () => {
    expect((await app.app.http.inject('/ping')).statusCode).toBe(200)
    expect((await app.app.http.inject('/version')).body).toMatch(/^\d+\.\d+\.\d+/)
  })
})

describe('the description of a model', () => {
  it('has its columns and its tensors', async () => {
    const document = (await app.app.http.inject('/v2/models/customers/openapi.json')).json()
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'customers', version: '1.0.0' } })
    const { input_data } =
      document.paths['/api/v1/ml/models/customers/predict'].post.requestBody.content['application/json'].schema
        .properties
    expect(Object.keys(input_data.properties)).toEqual(columnsOf())
    expect(input_data.properties.city).toMatchObject({ examples: expect.arrayContaining(['Oslo']) })
    const infer = document.paths['/v2/models/customers/versions/1.0.0/infer'].post
    const tensors = infer.requestBody.content['application/json'].schema.properties.inputs.items.oneOf
    expect(tensors).toHaveLength(3)
  })

  const columnsOf = () => ['age', 'income', 'city']
})
