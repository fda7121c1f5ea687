// A request as it is written in many a product: a learning rate and a number of epochs, and no word of an algorithm.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { seededRandom } from '../../src/core/random.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aDataset, aTable, CUSTOMER, trainChosen, untilEnded } from '../helpers/builders.ts'

describe('a neural network', () => {
  let app: TestApp
  let client: MlClient

  beforeAll(async () => {
    app = await startApp()
    client = app.client
  })
  afterAll(() => app.stop())

  it('is trained where learning rate and epochs are given without an algorithm', async () => {
    const { version, model_id } = await trainChosen(client, {
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

  it('reads tickets as they are written, with the request as it is written', { timeout: 300_000 }, async () => {
    const random = seededRandom(3)
    const pick = (words: readonly string[]) => words[random.integer(words.length)]!
    const rows = Array.from({ length: 260 }, () => {
      const critical = random.integer(2) === 1
      const ticket_title = pick(
        critical ? ['Server down', 'Data lost', 'Login broken'] : ['New colour', 'Typo', 'A wish'],
      )
      const what = pick(critical ? ['is not responding', 'fails for everybody'] : ['would be nice', 'is spelled wrong'])
      const ticket_description = `${pick(['Production', 'The office', 'The app'])} ${what}, seen ${random.integer(90)} times`
      return { ticket_title, ticket_description, priority: critical ? 'critical' : 'low' }
    })
    const { id: dataset_id } = await aDataset(client, rows, 'priority')
    const reply = await app.inject({
      method: 'POST',
      url: '/api/v1/ml/models/train',
      payload: {
        model_name: 'ticket_classifier_of_text',
        dataset_id,
        model_type: 'classification',
        hyperparameters: { learning_rate: 0.001, epochs: 100 },
      },
    })
    expect(reply.statusCode).toBe(202)
    const { success, message, data } = reply.json<{ success: boolean; message: string; data: Record<string, string> }>()
    expect({ success, message }).toEqual({ success: true, message: 'Model training initiated' })
    expect((await untilEnded(client, data.job_id!)).status).toBe('succeeded')
    const { algorithm, metrics } = await client.versions.get({ model_id: data.model_id!, version: data.version! })
    expect(algorithm).toBe('neural_network')
    expect(metrics.accuracy).toBeGreaterThan(0.9)
    const predicted = await app.inject({
      method: 'POST',
      url: `/api/v1/ml/models/${data.model_id}/predict`,
      payload: {
        input_data: { ticket_title: 'Server down', ticket_description: 'Production server is not responding' },
      },
    })
    expect(predicted.json()).toMatchObject({ success: true, data: { prediction: 'critical' } })
  })

  it('takes every setting it names, and refuses what is none', async () => {
    const dataset_id = (await aDataset(client)).id
    const hyperparameters = {
      ...{ learning_rate: 0.01, epochs: 5, batch_size: 16, hidden_layers: [8], activation: 'tanh', dropout: 0.2 },
      ...{ weight_decay: 0, early_stopping: 2, class_weight: 'balanced', labels: 'probable' },
    }
    const request = { model_type: 'classification', algorithm: 'neural_network', dataset_id } as const
    const { model_id, version, job } = await trainChosen(client, {
      ...request,
      model_name: 'settings',
      hyperparameters,
    })
    expect(job.status).toBe('succeeded')
    expect((await client.versions.get({ model_id, version })).hyperparameters).toEqual(hyperparameters)
    const wrong = { dropout: 1, epochs: 0, momentum: 0.9 }
    await expect(
      trainChosen(client, { ...request, model_name: 'settings', hyperparameters: wrong }),
    ).rejects.toMatchObject({
      details: {
        errors: [
          { field: 'hyperparameters.momentum' },
          { field: 'hyperparameters.epochs' },
          { field: 'hyperparameters.dropout' },
        ].map((one) => expect.objectContaining(one)),
      },
    })
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
