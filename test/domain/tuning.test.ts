import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import type { TrainingJob } from '../../src/contract/training.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aDataset, aTable, aTableOf, trainChosen, untilEnded } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { rowsOf } from '../helpers/tables.ts'

describe('choosing and tuning', () => {
  let app: TestApp
  let client: MlClient
  beforeAll(async () => {
    app = await startApp()
    client = app.client
  })
  afterAll(() => app.stop())

  it('compares the algorithms where none was named, and keeps the comparison', async () => {
    const dataset = await aDataset(client, aTableOf('number', { rows: 100 }), 'number')
    const { job, model_id, version, job_id } = await trainChosen(client, {
      model_name: 'chosen',
      model_type: 'regression',
      dataset_id: dataset.id,
      // Two algorithms have these.
      hyperparameters: { n_estimators: 10, max_leaves: 4 },
    })
    expect(job.status).toBe('succeeded')
    const { leaderboard, trials } = await client.versions.evaluation({ model_id, version })
    expect(leaderboard.length).toBeGreaterThan(1)
    expect(trials).toEqual([])
    const trained = await client.versions.get({ model_id, version })
    expect(leaderboard.find(({ chosen }) => chosen)).toMatchObject({
      algorithm: trained.algorithm,
      hyperparameters: trained.hyperparameters,
      metric: 'rmse',
    })
    const { outbox } = await rowsOf(app, 'default')
    const told = (outbox as { event: { type: string; subject: string; data: { trial?: { algorithm: string } } } }[])
      .map(({ event }) => event)
      .filter(({ subject, data }) => subject === job_id && data.trial)
    expect(told.map(({ data }) => data.trial!.algorithm).toSorted()).toEqual(
      leaderboard.map(({ algorithm }) => algorithm).toSorted(),
    )
  })

  it('trains the one algorithm that accepts what was given, without a comparison', async () => {
    const dataset = await aDataset(client)
    const { model_id, version } = await trainChosen(client, {
      model_name: 'given',
      dataset_id: dataset.id,
      hyperparameters: { max_leaves: 6, n_estimators: 10, learning_rate: 0.2 },
    })
    const { leaderboard } = await client.versions.evaluation({ model_id, version })
    expect(leaderboard).toEqual([])
    expect(await client.versions.get({ model_id, version })).toMatchObject({ algorithm: 'gradient_boosting' })
  })

  it('tunes, and sends every trial to those who follow the job', async () => {
    const dataset = await aDataset(client)
    const accepted = await client.models.train({
      model_name: 'tuned',
      model_type: 'classification',
      algorithm: 'logistic_regression',
      dataset_id: dataset.id,
      tuning: { trials: 6 },
    })
    const events: { event: string; data: TrainingJob }[] = []
    for await (const { event, data } of client.training_jobs.events({ job_id: accepted.job_id })) {
      events.push({ event, data: data as TrainingJob })
    }
    const told = events.filter(({ event }) => event === 'trial').map(({ data }) => data.trial!)
    const { trials } = await client.versions.evaluation({ model_id: 'tuned', version: accepted.version })
    const inOrder = told.toSorted((a, b) => a.number - b.number)
    expect(inOrder.map(({ number }) => number)).toEqual(Array.from({ length: 6 }, (_, i) => i))
    expect(inOrder.map(({ value }) => value)).toEqual(trials.map(({ value }) => value))
    expect(events.at(-1)!.event).toBe('succeeded')
    const { hyperparameters } = await client.versions.get({ model_id: 'tuned', version: accepted.version })
    expect(hyperparameters).toEqual(trials.find(({ chosen }) => chosen)!.hyperparameters)
  })

  it('is cancelled in the middle of it', { timeout: 150_000 }, async () => {
    const dataset = await aDataset(client, aTable({ rows: 200 }))
    const { job_id } = await client.models.train({
      model_name: 'cancelled',
      model_type: 'classification',
      algorithm: 'gradient_boosting',
      hyperparameters: { n_estimators: 20 },
      dataset_id: dataset.id,
      tuning: { trials: 1000, time_budget_seconds: 600 },
    })
    await untilTuning(app, job_id)
    await client.training_jobs.cancel({ job_id })
    expect((await untilEnded(client, job_id)).status).toBe('cancelled')
  })

  it('says which algorithms there would be when none accepts what was given', async () => {
    const { id } = await aDataset(client)
    const request = { model_name: 'x', model_type: 'classification' as const, dataset_id: id }
    const refused = await refusal(client.models.train({ ...request, hyperparameters: { l2: 1, max_leaves: 4 } }))
    expect(refused.code).toBe('VALIDATION_ERROR')
    expect(JSON.stringify(refused.details)).toMatch(/logistic_regression: .*gradient_boosting: /)
    const tuning = { trials: 0 }
    expect(await refusal(client.models.train({ ...request, tuning }))).toMatchObject({ code: 'VALIDATION_ERROR' })
  })

  it('documents what a tuning searches', async () => {
    const { items } = await client.algorithms.list()
    const boosting = items.find(({ name }) => name === 'gradient_boosting')
    expect(boosting?.search_space).toContainEqual({ name: 'learning_rate', scale: 'log', low: 0.01, high: 0.3 })
  })
})

type StoredTrials = readonly { readonly job_id: string; readonly number: number }[]

async function trialsOf(app: TestApp, job_id: string): Promise<StoredTrials> {
  const trials = (await rowsOf(app, 'default')).training_trials as StoredTrials
  return trials.filter((trial) => trial.job_id === job_id)
}

/** Until the first trial is done. */
async function untilTuning(app: TestApp, job_id: string): Promise<void> {
  await expect.poll(() => trialsOf(app, job_id), { timeout: 100_000, interval: 20 }).not.toEqual([])
}

it('a tuning whose service was stopped goes on where it was', { timeout: 180_000 }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-tuning-'))
  const before = await startApp({ dataDir })
  // Large enough not to be through before it is stopped.
  const dataset = await aDataset(before.client, aTable({ rows: 2000 }))
  const { job_id, model_id, version } = await before.client.models.train({
    model_name: 'interrupted',
    model_type: 'classification',
    algorithm: 'gradient_boosting',
    hyperparameters: { n_estimators: 100 },
    dataset_id: dataset.id,
    tuning: { trials: 8 },
  })
  await untilTuning(before, job_id)
  await before.stop()
  const after = await startApp({ dataDir })
  const known = (await trialsOf(after, job_id)).length
  expect((await untilEnded(after.client, job_id)).status).toBe('succeeded')
  const numbers = (await trialsOf(after, job_id)).map(({ number }) => number)
  // Every trial once: those of the first service were not tried again.
  expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 8 }, (_, i) => i))
  expect(known).toBeGreaterThan(0)
  expect(known).toBeLessThan(8)
  expect((await after.client.versions.evaluation({ model_id, version })).trials).toHaveLength(8)
  await after.stop()
  await rm(dataDir, { recursive: true, force: true })
})
