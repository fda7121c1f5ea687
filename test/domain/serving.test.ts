import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aDataset, anAddingModel, aTable, aTrainedModel, CUSTOMER } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'

describe('predicting', () => {
  let app: TestApp
  let client: MlClient
  let model_id = ''

  beforeAll(async () => {
    app = await startApp({ config: { trainingConcurrency: 2 } })
    client = app.client
    ;({ model_id } = await aTrainedModel(client))
  })
  afterAll(() => app.stop())

  describe('one row', () => {
    it('is answered with class, confidence, probabilities and who answered', async () => {
      const answer = await client.models.predict({ model_id: 'customers', input_data: CUSTOMER })
      expect(answer).toEqual({
        prediction: 1,
        confidence: expect.any(Number),
        probabilities: { 0: expect.any(Number), 1: expect.any(Number) },
        model_id,
        version: '1.0.0',
        prediction_id: expect.stringMatching(/^pred_/),
        latency_ms: expect.any(Number),
      })
      expect(answer.confidence).toBe(answer.probabilities!['1'])
      expect(answer.probabilities!['0']! + answer.probabilities!['1']!).toBeCloseTo(1, 6)
    })

    it('may be values in the order of the signature', async () => {
      const { age, income, city } = CUSTOMER
      const byName = await client.models.predict({ model_id, input_data: CUSTOMER })
      const byPlace = await client.models.predict({ model_id, input_data: [age, income, city] })
      expect(byPlace.probabilities).toEqual(byName.probabilities)
      expect((await refusal(client.models.predict({ model_id, input_data: [age, income] }))).fields).toHaveProperty(
        'input_data',
      )
    })

    it('names unknown and missing columns and cells that do not fit, all at once', async () => {
      const { kind, fields } = await refusal(
        client.models.predict({ model_id, input_data: { age: 'old', height: 3, Age: 1 } }),
      )
      expect(kind).toBe('invalid')
      expect(fields).toEqual({
        'input_data.age': 'must be a number',
        'input_data.city': 'is required',
        'input_data.height': 'is not a column of this model',
        'input_data.Age': 'is not a column of this model',
      })
    })

    it.each([undefined, null, '?', 'NA', ''])('takes %j for a missing value', async (income) => {
      const gap = await client.models.predict({ model_id, input_data: { ...CUSTOMER, income } })
      const left = await client.models.predict({ model_id, input_data: { age: CUSTOMER.age, city: CUSTOMER.city } })
      expect(gap.probabilities).toEqual(left.probabilities)
    })

    it('may hold a category that training never saw', async () => {
      const { prediction } = await client.models.predict({ model_id, input_data: { ...CUSTOMER, city: 'Atlantis' } })
      expect([0, 1]).toContain(prediction)
    })

    it('reads numbers from text as the training file did', async () => {
      const text = await client.models.predict({ model_id, input_data: { ...CUSTOMER, age: ' 60 ', income: '9e4' } })
      const number = await client.models.predict({ model_id, input_data: CUSTOMER })
      expect(text.probabilities).toEqual(number.probabilities)
    })

    it.each([
      ['nothing', undefined],
      ['text', 'x'],
      ['null', null],
    ])('cannot be %s', async (_, input_data) => {
      expect((await refusal(client.models.predict({ model_id, input_data: input_data as never }))).kind).toBe('invalid')
    })
  })

  describe('many rows', () => {
    it('are answered in order; a bad one carries its own error', async () => {
      const other = { age: 21, income: 20_000, city: 'Rome' }
      const rows = [CUSTOMER, { ...CUSTOMER, age: 'old', x: 1 }, other, 7, [60, 90_000, 'Oslo'], null, {}, other]
      const batch = await client.models.predict_batch({ model_id, input_data: rows })
      expect(batch).toMatchObject({ count: 8, version: '1.0.0' })
      const single = async (input_data: typeof CUSTOMER) =>
        (await client.models.predict({ model_id, input_data })).probabilities
      const [one, two] = [await single(CUSTOMER), await single(other)]
      expect(batch.predictions.map(({ probabilities }) => probabilities)).toEqual([
        one,
        undefined,
        two,
        undefined,
        one,
        undefined,
        undefined,
        two,
      ])
      expect(batch.predictions[1]).toEqual({
        prediction: null,
        error: 'age must be a number; x is not a column of this model',
      })
      expect(batch.predictions[6]?.error).toBe('age is required; city is required')
      expect(batch.predictions[3]?.error).toContain('must be an object')
    })

    it('may all be bad', async () => {
      const { predictions } = await client.models.predict_batch({ model_id, input_data: [1, 2] })
      expect(predictions.map(({ prediction }) => prediction)).toEqual([null, null])
    })

    it('are at least one and at most 10,000', async () => {
      const ask = (count: number) =>
        client.models.predict_batch({ model_id, input_data: new Array(count).fill(CUSTOMER) })
      expect((await refusal(ask(0))).fields).toHaveProperty('input_data')
      expect((await refusal(ask(10_001))).fields).toHaveProperty('input_data')
      expect((await ask(10_000)).count).toBe(10_000)
    })
  })

  describe('POST /inference', () => {
    it('answers a row or a list of rows, without an envelope', async () => {
      const one = await client.inference({ model_id, features: CUSTOMER })
      expect(one).toEqual({
        model_id,
        version: '1.0.0',
        results: [{ prediction: 1, probability: expect.any(Number) }],
        inference_time_ms: expect.any(Number),
      })
      expect(await client.inference({ model_id, version: null, features: CUSTOMER })).toMatchObject({
        version: '1.0.0',
      })
      const two = await client.inference({
        model_id: 'customers',
        version: '1.0.0',
        features: [CUSTOMER, [60, 90_000, 'Oslo']],
      })
      expect(two.results).toEqual([one.results[0], one.results[0]])
    })

    it('refuses the whole request for one bad row, and says which', async () => {
      const { fields } = await refusal(client.inference({ model_id, features: [CUSTOMER, { age: 1 }] }))
      expect(fields).toEqual({ 'features.1.city': 'is required' })
      expect((await refusal(client.inference({ model_id, features: { age: 1 } }))).fields).toEqual({
        'features.city': 'is required',
      })
    })
  })

  describe('POST /predict', () => {
    const unlikely = { age: 20, income: 20_000, city: 'Rome' }

    it('answers 0 or 1 with the probability of class 1', async () => {
      const likely = await client.predict_model({ model_id, input_data: CUSTOMER })
      expect(likely.prediction).toBe(1)
      expect(likely.probability).toBeGreaterThan(0.5)
      const not = await client.predict_model({ model_id, input_data: unlikely })
      expect(not.prediction).toBe(0)
      expect(not.probability).toBeLessThan(0.5)
    })

    it('takes the bare row for the only model that is live', async () => {
      expect(await client.predict_default({ body: unlikely })).toEqual(
        await client.predict_model({ model_id, input_data: unlikely }),
      )
      const { fields } = await refusal(client.predict_default({ body: { age: 1, x: 2 } }))
      expect(fields).toEqual({ city: 'is required', x: 'is not a column of this model' })
      expect(await client.predict_default({ body: [20, 20_000, 'Rome'] })).toMatchObject({ prediction: 0 })
    })

    it('takes nothing else for a row', async () => {
      for (const payload of ['7', '"x"', 'null', '']) {
        const reply = await app.inject({
          method: 'POST',
          url: '/predict',
          payload,
          headers: { 'content-type': 'application/json' },
        })
        expect([payload, reply.statusCode]).toEqual([payload, 422])
      }
    })

    it('has no default once a second model is live, until one is named', async () => {
      await anAddingModel(client)
      expect(await refusal(client.predict_default({ body: CUSTOMER }))).toMatchObject({ code: 'NO_DEFAULT_MODEL' })
      await client.models.delete({ model_id: 'adder', force: true })
      expect(await client.predict_default({ body: CUSTOMER })).toMatchObject({ prediction: 1 })
    })
  })

  describe('a version', () => {
    beforeAll(async () => {
      await aTrainedModel(client, { model_name: 'customers', promotion: false, features: ['age', 'city'] })
    })

    it('can be asked for by number, whether it is live or not', async () => {
      const input_data = { age: 60, city: 'Oslo' }
      const second = await client.models.predict({ model_id, version: '1.1.0', input_data })
      expect(second.version).toBe('1.1.0')
      expect((await client.models.predict({ model_id, version: '1.0.0', input_data })).version).toBe('1.0.0')
      expect((await client.models.predict({ model_id, input_data })).version).toBe('1.0.0')
      expect(await refusal(client.models.predict({ model_id, version: '1.1.0', input_data: CUSTOMER }))).toMatchObject({
        fields: { 'input_data.income': 'is not a column of this model' },
      })
    })

    it('that does not exist is a 404, one that is no version a 422', async () => {
      const ask = (version: string) => refusal(client.models.predict({ model_id, version, input_data: CUSTOMER }))
      expect(await ask('7.0.0')).toMatchObject({ kind: 'not_found', code: 'VERSION_NOT_FOUND' })
      expect(await ask('latest')).toMatchObject({ kind: 'invalid', fields: { version: expect.any(String) } })
    })
  })

  it('with an unknown model is a 404, in every form', async () => {
    const unknown = { model_id: 'nobody' }
    for (const ask of [
      () => client.models.predict({ ...unknown, input_data: {} }),
      () => client.models.predict_batch({ ...unknown, input_data: [{}] }),
      () => client.inference({ ...unknown, features: {} }),
      () => client.predict_model({ ...unknown, input_data: {} }),
    ])
      expect(await refusal(ask())).toMatchObject({
        kind: 'not_found',
        code: 'MODEL_NOT_FOUND',
        message: 'No model "nobody"',
      })
  })

  it('with a model that is not live is a 409 that says what to do', async () => {
    await client.models.create({ name: 'idle', type: 'regression' })
    const { kind, code, message } = await refusal(client.models.predict({ model_id: 'idle', input_data: {} }))
    expect({ kind, code }).toEqual({ kind: 'conflict', code: 'MODEL_NOT_DEPLOYED' })
    expect(message).toContain('/api/v1/ml/models/idle/deploy')
  })

  it('refuses a row to which the model answers no finite number, alone or among others', async () => {
    await anAddingModel(client, { name: 'huge', amount: 3e38 })
    const model_id = 'huge'
    const alone = await refusal(client.models.predict({ model_id, input_data: { x: 2e38 } }))
    const errors = [{ field: 'input_data', message: 'makes the model answer no finite number', value: null }]
    expect(alone).toMatchObject({ kind: 'invalid', details: { errors } })
    expect(await refusal(client.predict_model({ model_id, input_data: { x: 2e38 } }))).toMatchObject({
      kind: 'invalid',
    })
    const { predictions } = await client.models.predict_batch({ model_id, input_data: [{ x: 2e38 }, { x: -3e38 }] })
    expect(predictions).toEqual([
      { prediction: null, error: 'makes the model answer no finite number' },
      { prediction: 0 },
    ])
  })

  it('answers true and false, and words, as the target had them', async () => {
    const rows = aTable().map(({ bought, ...row }) => ({
      ...row,
      flag: bought === 1,
      word: bought === 1 ? 'yes' : 'no',
    }))
    const columns = ['age', 'income', 'city']
    const flags = await aDataset(client, rows, 'flag')
    const [flag, word] = await Promise.all([
      aTrainedModel(client, { model_name: 'flag', dataset_id: flags.id, features: columns }),
      aTrainedModel(client, { model_name: 'word', dataset_id: flags.id, target: 'word', features: columns }),
    ])
    const flagged = await client.models.predict({ model_id: flag.model_id, input_data: CUSTOMER })
    expect(flagged).toMatchObject({ prediction: true, probabilities: { true: flagged.confidence } })
    const worded = await client.models.predict({ model_id: word.model_id, input_data: CUSTOMER })
    expect(worded).toMatchObject({ prediction: 'yes', probabilities: { yes: worded.confidence } })
    const simple = await client.predict_model({ model_id: word.model_id, input_data: CUSTOMER })
    expect(simple).toEqual({ prediction: 'yes', probability: worded.confidence })
  })

  it('reaches the right caller when many ask at once', async () => {
    await anAddingModel(client, { name: 'many', amount: 1000 })
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, x) => client.models.predict({ model_id: 'many', input_data: { x } })),
    )
    expect(answers.map(({ prediction }) => prediction)).toEqual(answers.map((_, x) => x + 1000))
    expect(new Set(answers.map(({ prediction_id }) => prediction_id)).size).toBe(200)
  })

  describe('DEFAULT_MODEL', () => {
    it('answers POST /predict, and nothing else does', async () => {
      await using other = await startApp({ worker: false, config: { defaultModel: 'chosen' } })
      await anAddingModel(other.client, { name: 'other', amount: 1 })
      const ask = () => other.client.predict_default({ body: { x: 1 } })
      expect(await refusal(ask())).toMatchObject({ code: 'MODEL_NOT_FOUND' })
      expect(await other.client.ready()).toMatchObject({ ready: false, reason: expect.stringContaining('chosen') })
      const { model_id, version } = await anAddingModel(other.client, { name: 'chosen', amount: 2 })
      expect(await ask()).toEqual({ prediction: 3 })
      expect(await other.client.ready()).toEqual({ ready: true, model_version_id: `${model_id}:${version}` })
    })
  })
})
