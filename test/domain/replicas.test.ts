// Two processes' worth of service over one database and one store: what one does, the other one answers by.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aDatabase, DATABASES, startApp, type TestApp, type TestDatabase } from '../helpers/app.ts'
import { aDataset, anAddingModel, train } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'

describe.skipIf(!DATABASES.includes('postgres'))('a second replica', () => {
  let database: TestDatabase
  let store = ''
  let one: TestApp
  let two: TestApp

  beforeAll(async () => {
    database = await aDatabase()
    store = await mkdtemp(join(tmpdir(), 'modelyard-store-'))
    const start = (worker: boolean) => startApp({ database: database.url, worker, config: { modelPath: store } })
    ;[one, two] = await Promise.all([start(false), start(true)])
  })
  afterAll(async () => {
    await Promise.all([one.stop(), two.stop()])
    await database[Symbol.asyncDispose]()
    await rm(store, { recursive: true, force: true })
  })

  const answer = (app: TestApp, model_id: string, version?: string) =>
    app.client.models.predict({ model_id, input_data: [0], ...(version !== undefined && { version }) }).then(
      ({ prediction }) => prediction,
      (error: { code: string }) => error.code,
    )

  const eventually = (work: () => Promise<unknown>) => expect.poll(work, { timeout: 15_000, interval: 50 })

  it('answers with what the first one made live', async () => {
    const { model_id } = await anAddingModel(one.client, { name: 'shared', amount: 1 })
    await eventually(() => answer(two, 'shared')).toBe(1)
    await anAddingModel(one.client, { name: 'shared', amount: 2 })
    await eventually(() => answer(two, 'shared')).toBe(2)
    await two.client.models.rollback({ model_id })
    await eventually(() => answer(one, 'shared')).toBe(1)
  })

  it('forgets what was renamed or deleted elsewhere, also what it kept by number', async () => {
    await anAddingModel(one.client, { name: 'gone', version: '1.0.0', amount: 1 })
    await anAddingModel(one.client, { name: 'gone', version: '1.1.0', amount: 2 })
    await eventually(() => answer(two, 'gone')).toBe(2)
    expect(await answer(two, 'gone', '1.0.0')).toBe(1)
    await one.client.models.update({ model_id: 'gone', name: 'renamed' })
    await eventually(() => answer(two, 'gone', '1.0.0')).toBe('MODEL_NOT_FOUND')
    expect(await answer(two, 'renamed', '1.0.0')).toBe(1)
    await one.client.models.delete({ model_id: 'renamed', force: true })
    await eventually(() => answer(two, 'renamed', '1.0.0')).toBe('MODEL_NOT_FOUND')
  })

  it('does the work that was asked of the first, which follows it', async () => {
    const { id } = await aDataset(one.client)
    const { job, model_id } = await train(one.client, { dataset_id: id })
    expect(job.status).toBe('succeeded')
    const input_data = { age: 60, city: 'Oslo' }
    await eventually(() =>
      one.client.models.predict({ model_id, input_data }).then(({ version }) => version, String),
    ).toBe('1.0.0')
  })

  it('takes the outcome of a prediction that the first one answered', async () => {
    await eventually(() => answer(two, 'shared')).toBe(1)
    const { prediction_id } = await one.client.models.predict({ model_id: 'shared', input_data: [1] })
    expect(await two.client.predictions.feedback({ prediction_id, actual: 2 })).toMatchObject({ prediction_id })
    expect(await refusal(two.client.predictions.feedback({ prediction_id: 'pred_x', actual: 2 }))).toMatchObject({
      kind: 'not_found',
    })
  })
})
