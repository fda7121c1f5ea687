import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { fail } from '../../src/core/failure.ts'
import { defineModel } from '../../src/domain/serving/index.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'

const Point = Type.Object({ x: Type.Number(), y: Type.Number({ default: 0 }) }, { additionalProperties: false })

let loads = 0
let calls = 0
let broken = true

const models = [
  defineModel({
    name: 'sum',
    version: '2.0.0',
    input: Point,
    output: Type.Number(),
    load: async () => {
      loads++
      return { factor: 10 }
    },
    predict: ({ x, y }, { state }) => {
      calls++
      return state.factor * (x + y)
    },
  }),
  defineModel({
    name: 'sure',
    input: Type.Object({ tenant: Type.Optional(Type.Boolean()) }),
    output: Type.Object({ prediction: Type.String(), confidence: Type.Number() }),
    predict: async (_, { tenantId }) => ({ prediction: tenantId, confidence: 0.75 }),
  }),
  defineModel({
    name: 'liar',
    input: Type.Object({}),
    output: Type.Number(),
    predict: () => 'text' as unknown as number,
  }),
  defineModel({
    name: 'thrower',
    input: Type.Object({ how: Type.String() }),
    output: Type.Number(),
    predict: ({ how }) => {
      if (how === 'refuse') throw fail('invalid', 'TOO_FAR', 'That is too far')
      throw new Error('the secret inside')
    },
  }),
  defineModel({
    name: 'shaky',
    input: Type.Object({}),
    output: Type.Number(),
    load: () => {
      if (broken) throw fail('unavailable', 'NOT_YET', 'Not yet')
    },
    predict: () => 1,
  }),
]

describe('a model written in TypeScript', () => {
  let app: TestApp
  let client: MlClient
  beforeAll(async () => {
    app = await startApp({ worker: false, models })
    client = app.client
  })
  afterAll(() => app.stop())

  it('is served like any other, and loaded once', async () => {
    const ask = () => client.models.predict({ model_id: 'sum', input_data: { x: 1, y: 2 } })
    const answers = await Promise.all([ask(), ask(), ask()])
    expect(answers[0]).toEqual({
      prediction: 30,
      model_id: 'sum',
      version: '2.0.0',
      prediction_id: expect.stringMatching(/^pred_/),
      latency_ms: expect.any(Number),
    })
    expect(loads).toBe(1)
  })

  it('answers in every form of a prediction', async () => {
    expect(await client.predict_model({ model_id: 'sum', input_data: { x: 1 } })).toEqual({ prediction: 10 })
    const batch = await client.models.predict_batch({ model_id: 'sum', input_data: [{ x: 1 }, { x: 'one' }, { x: 2 }] })
    expect(batch).toMatchObject({
      count: 3,
      version: '2.0.0',
      predictions: [{ prediction: 10 }, { prediction: null, error: 'x must be number' }, { prediction: 20 }],
    })
    const inferred = await client.inference({ model_id: 'sum', features: [{ x: 1 }, { x: 2 }] })
    expect(inferred).toMatchObject({
      model_id: 'sum',
      version: '2.0.0',
      results: [{ prediction: 10 }, { prediction: 20 }],
    })
    const { fields } = await refusal(client.inference({ model_id: 'sum', features: [{ x: 1 }, { z: 2 }] }))
    expect(Object.keys(fields).toSorted()).toEqual(['features.1.x', 'features.1.z'])
  })

  it('is ready for those who send rows by other doors', async () => {
    const url = '/v1/models/sum'
    expect((await app.app.http.inject(url)).json()).toEqual({ name: 'sum', ready: true })
    for (const instances of [[], [{ x: 1 }]]) {
      const reply = await app.app.http.inject({ method: 'POST', url: `${url}:predict`, payload: { instances } })
      expect([reply.statusCode, reply.json()]).toEqual([200, { predictions: instances.map(() => 10) }])
    }
    expect((await app.app.http.inject('/v2/models/sum/ready')).statusCode).toBe(404)
  })

  it('may answer with a confidence, and knows the tenant', async () => {
    const answer = await app.as('acme').models.predict({ model_id: 'sure', input_data: {} })
    expect(answer).toMatchObject({ prediction: 'acme', confidence: 0.75, version: '1.0.0' })
    expect(await client.predict_model({ model_id: 'sure', input_data: {} })).toEqual({
      prediction: 'default',
      probability: 0.75,
    })
  })

  it('never sees what breaks its input schema', async () => {
    const before = calls
    const { kind, fields } = await refusal(client.models.predict({ model_id: 'sum', input_data: { y: 'x', z: 1 } }))
    expect(kind).toBe('invalid')
    expect(fields).toEqual({
      'input_data.x': 'is required',
      'input_data.y': 'must be number',
      'input_data.z': 'is not a known field',
    })
    expect(calls).toBe(before)
  })

  it('that breaks its own output schema is at fault itself', async () => {
    expect(await refusal(client.models.predict({ model_id: 'liar', input_data: {} }))).toMatchObject({
      kind: 'internal',
    })
  })

  it('may refuse; what it throws otherwise stays inside', async () => {
    const ask = (how: string) => refusal(client.models.predict({ model_id: 'thrower', input_data: { how } }))
    expect(await ask('refuse')).toMatchObject({ kind: 'invalid', code: 'TOO_FAR', message: 'That is too far' })
    const thrown = await ask('throw')
    expect(thrown.kind).toBe('internal')
    expect(JSON.stringify(thrown)).not.toContain('secret')
    const batch = client.models.predict_batch({ model_id: 'thrower', input_data: [{ how: 'refuse' }] })
    expect((await batch).predictions).toEqual([{ prediction: null, error: 'That is too far' }])
  })

  it('that could not be loaded is loaded by the next caller', async () => {
    const ask = () => client.models.predict({ model_id: 'shaky', input_data: {} })
    expect(await refusal(ask())).toMatchObject({ code: 'NOT_YET' })
    broken = false
    expect(await ask()).toMatchObject({ prediction: 1 })
  })

  it('is measured, and makes the service ready', async () => {
    const { body } = await app.app.http.inject('/metrics')
    expect(body).toMatch(/ml_inference_requests_total\{tenant="default",model="sum",version="2\.0\.0"\} \d+/)
    expect(body).toMatch(/ml_inference_errors_total\{[^}]*model="liar"[^}]*code="MODEL_OUTPUT_INVALID"\} 1/)
    expect(await client.ready()).toEqual({ ready: true })
    expect(await client.health()).toMatchObject({ models_loaded: true })
  })

  it('does not stand in the way of the others', async () => {
    await anAddingModel(client)
    expect(await client.models.predict({ model_id: 'adder', input_data: [1] })).toMatchObject({ prediction: 2 })
    expect(await refusal(client.models.get({ model_id: 'sum' }))).toMatchObject({ kind: 'not_found' })
  })

  it('may be the default model', async () => {
    await using other = await startApp({ worker: false, models, config: { defaultModel: 'sum' } })
    expect(await other.client.predict_default({ body: { x: 2 } })).toEqual({ prediction: 20 })
    expect(await other.client.ready()).toEqual({ ready: true })
  })

  it('needs a name that a model may have, and one of its own', async () => {
    const nameless = { name: 'no spaces', input: Point, output: Type.Number(), predict: () => 1 }
    expect(() => defineModel(nameless)).toThrow(expect.objectContaining({ code: 'MODEL_NAME_INVALID' }))
    const twice = startApp({ worker: false, models: [models[0]!, models[0]!] })
    expect(await refusal(twice)).toMatchObject({ kind: 'conflict', code: 'MODEL_EXISTS' })
  })
})
