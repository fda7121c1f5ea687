import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import type { TrainingJob } from '../../src/contract/training.ts'
import { aDatabase, DATABASES, startApp, startAppOn, type TestApp } from '../helpers/app.ts'
import { aDataset, aTable, aTrainedModel, untilEnded } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { storedKeys, temporaryFiles } from '../helpers/files.ts'
import { rowsOf } from '../helpers/tables.ts'

/** Twenty folds over a few thousand rows: long enough to be met in the middle, whatever the machine. */
const LONG = { evaluation: { folds: 20 }, model_type: 'classification' as const, algorithm: 'logistic_regression' }

describe.each([...DATABASES])('cancelling on the %s database', (database) => {
  let app: TestApp
  let client: MlClient
  let dataset_id = ''

  beforeAll(async () => {
    app = await startAppOn(database)
    client = app.client
    dataset_id = (await aDataset(client, aTable({ rows: 5000 }))).id
  })
  afterAll(() => app.stop())

  async function until(job_id: string, status: TrainingJob['status']): Promise<void> {
    await expect.poll(async () => (await client.training_jobs.get({ job_id })).status, { timeout: 30_000 }).toBe(status)
  }

  async function eventsOf(job_id: string): Promise<string[]> {
    const { outbox } = await rowsOf(app, 'default')
    return (outbox as { seq: number; event: { type: string; data: { job_id?: string } } }[])
      .filter(({ event }) => event.data.job_id === job_id)
      .toSorted((a, b) => a.seq - b.seq)
      .map(({ event }) => event.type)
      .filter((type) => type !== 'ml.training.progress')
  }

  it('stops a job that runs, and one that waits behind it', async () => {
    const running = await client.models.train({ ...LONG, model_name: 'running', dataset_id })
    const waiting = await client.models.train({ ...LONG, model_name: 'waiting', dataset_id })
    await until(running.job_id, 'running')
    const refused = await refusal(client.models.delete({ model_id: 'running', force: true }))
    expect(refused).toMatchObject({ kind: 'conflict', code: 'MODEL_TRAINING' })

    const stopped = await client.training_jobs.cancel({ job_id: waiting.job_id })
    expect(stopped).toMatchObject({ status: 'cancelled', started_at: null, message: 'Cancelled before it began' })
    expect(stopped.finished_at).not.toBeNull()

    await client.training_jobs.cancel({ job_id: running.job_id })
    const ended = await untilEnded(client, running.job_id)
    expect(ended).toMatchObject({ status: 'cancelled', stage: 'cancelled' })
    expect(ended.progress).toBeLessThan(1)

    for (const { job_id, model_id } of [running, waiting]) {
      const version = await client.versions.get({ model_id, version: '1.0.0' })
      expect(version).toMatchObject({
        status: 'failed',
        artifact_sha256: null,
        error: expect.stringMatching(/^Cancelled/),
      })
      expect(await refusal(client.training_jobs.cancel({ job_id }))).toMatchObject({
        kind: 'conflict',
        code: 'JOB_ENDED',
      })
      expect((await client.models.get({ model_id })).deployments).toEqual({})
      expect((await storedKeys(app)).filter((key) => key.includes(model_id))).toEqual([])
    }
    expect(await eventsOf(running.job_id)).toEqual(['ml.training.started', 'ml.training.cancelled'])
    expect(await eventsOf(waiting.job_id)).toEqual(['ml.training.cancelled'])
    await expect.poll(() => temporaryFiles(app)).toEqual([])
  })

  it('leaves room for the next job, under the next number', async () => {
    const { version, job } = await aTrainedModel(client, { model_name: 'running' })
    expect({ version, status: job.status }).toEqual({ version: '1.1.0', status: 'succeeded' })
    const refused = await refusal(client.training_jobs.cancel({ job_id: job.id }))
    expect(refused).toMatchObject({ code: 'JOB_ENDED', message: `Job ${job.id} has already succeeded` })
    expect(await client.models.delete({ model_id: 'waiting' })).toMatchObject({ id: expect.any(String) })
  })

  it('ends the stream of whoever follows', async () => {
    const { job_id } = await client.models.train({ ...LONG, model_name: 'followed', dataset_id })
    const seen: { event: string; status: string; progress: number }[] = []
    let asked = false
    for await (const { event, data } of client.training_jobs.events({ job_id })) {
      const { status, progress } = data as TrainingJob
      seen.push({ event, status, progress })
      if (status === 'running' && !asked) {
        asked = true
        await client.training_jobs.cancel({ job_id })
      }
    }
    expect(seen.at(-1)).toMatchObject({ event: 'cancelled', status: 'cancelled' })
    expect(seen.slice(0, -1).every(({ event }) => event === 'progress')).toBe(true)
    expect(seen.map(({ progress }) => progress)).toEqual(seen.map(({ progress }) => progress).toSorted((a, b) => a - b))
  })

  it('of a job that never was is a 404', async () => {
    expect(await refusal(client.training_jobs.cancel({ job_id: 'job_nowhere' }))).toMatchObject({ kind: 'not_found' })
  })

  it('of a job whose worker has died is done by the next worker', async () => {
    await using made = database === 'postgres' ? await aDatabase() : undefined
    const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-cancel-'))
    const place = { dataDir, ...(made && { database: made.url }) }
    const before = await startApp({ ...place, worker: false })
    const { id } = await aDataset(before.client)
    const { job_id } = await before.client.models.train({ ...LONG, model_name: 'orphan', dataset_id: id })
    // What a killed worker leaves behind: a job that runs, says the row, and nobody runs.
    await before.app.services.db.system((tx) =>
      tx.updateTable('training_jobs').set({ status: 'running', attempt: 1 }).where('id', '=', job_id).execute(),
    )
    expect(await before.client.training_jobs.cancel({ job_id })).toMatchObject({ status: 'running' })
    await before.stop()
    const after = await startApp({ ...place, worker: true })
    expect(await untilEnded(after.client, job_id)).toMatchObject({ status: 'cancelled' })
    expect(await after.client.models.delete({ model_id: 'orphan' })).toMatchObject({ id: expect.any(String) })
    await after.stop()
    await rm(dataDir, { recursive: true, force: true })
  })
})
