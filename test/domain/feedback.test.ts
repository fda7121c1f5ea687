import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { twoClassModel } from '../runtime-models.ts'

describe('the true outcome of a prediction', () => {
  let app: TestApp
  let client: MlClient

  beforeAll(async () => {
    app = await startApp({ worker: false })
    client = app.client
    const { id: model_id } = await client.models.create({ name: 'two', type: 'classification' })
    await client.versions.import({ model_id, file: twoClassModel(), trusted: true, labels: ['0', '1'] })
    await client.models.deploy({ model_id, version: '1.0.0' })
    await anAddingModel(client)
  })
  afterAll(() => app.stop())

  const ask = async () => (await client.models.predict({ model_id: 'two', input_data: [5, 1] })).prediction_id

  it.each([
    [1, true],
    ['1', true],
    [0, false],
    ['other', false],
    [true, false],
  ])('%j is held against the class', async (actual, correct) => {
    const prediction_id = await ask()
    expect(await client.predictions.feedback({ prediction_id, actual })).toEqual({ prediction_id, correct })
  })

  it('has no right and wrong for numbers', async () => {
    const { prediction_id } = await client.models.predict({ model_id: 'adder', input_data: [1] })
    expect(await client.predictions.feedback({ prediction_id, actual: 2 })).toEqual({ prediction_id, correct: null })
  })

  it('may be corrected', async () => {
    const prediction_id = await ask()
    await client.predictions.feedback({ prediction_id, actual: 0 })
    expect(await client.predictions.feedback({ prediction_id, actual: 1 })).toMatchObject({ correct: true })
  })

  it('of a prediction that never was is a 404', async () => {
    const { kind, code } = await refusal(client.predictions.feedback({ prediction_id: 'pred_none', actual: 1 }))
    expect({ kind, code }).toEqual({ kind: 'not_found', code: 'PREDICTION_NOT_FOUND' })
  })

  it.each([null, {}, [1]])('cannot be %j', async (actual) => {
    const prediction_id = await ask()
    expect(
      (await refusal(client.predictions.feedback({ prediction_id, actual: actual as never }))).fields,
    ).toHaveProperty('actual')
  })
})
