// A request as it is written in many a product: a learning rate and a number of epochs, and no word of an algorithm.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aDataset, aTable, CUSTOMER, train, untilEnded } from '../helpers/builders.ts'

describe('a neural network', () => {
  let app: TestApp
  let client: MlClient

  beforeAll(async () => {
    app = await startApp()
    client = app.client
  })
  afterAll(() => app.stop())

  it('is trained where learning rate and epochs are given without an algorithm', async () => {
    const { version, model_id } = await train(client, {
      model_name: 'ticket_classifier',
      dataset_id: (await aDataset(client)).id,
      model_type: 'classification',
      hyperparameters: { learning_rate: 0.001, epochs: 100 },
    })
    const made = await client.versions.get({ model_id, version })
    expect(made).toMatchObject({
      algorithm: 'neural_network',
      hyperparameters: { learning_rate: 0.001, epochs: 100, hidden_layers: [64, 64] },
    })
    expect(made.metrics.roc_auc).toBeGreaterThan(0.7)
    const answer = await client.models.predict({ model_id, input_data: CUSTOMER })
    expect(JSON.stringify(answer)).toMatch(/probabilit/)
  })

  it('can be cancelled in the middle', async () => {
    const { job_id } = await client.models.train({
      model_name: 'endless',
      dataset_id: (await aDataset(client, aTable({ rows: 2000 }))).id,
      model_type: 'classification',
      hyperparameters: { epochs: 10_000, early_stopping: 0 },
    })
    await expect.poll(async () => (await client.training_jobs.get({ job_id })).stage, { timeout: 30_000 }).toBe('fit')
    await client.training_jobs.cancel({ job_id })
    expect((await untilEnded(client, job_id)).status).toBe('cancelled')
  })
})
