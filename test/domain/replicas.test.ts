// Two processes' worth of service over one database and one store: what one does, the other one answers by.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fail } from '../../src/core/failure.ts'
import { serviceCtx } from '../../src/domain/ctx.ts'
import { runTraining, submitTrainingAs } from '../../src/domain/training/index.ts'
import type { Objects } from '../../src/ports/objects/index.ts'
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

  /** A job without an entry in the queue: nobody takes it up but the test, which is given its own objects to do it with. */
  async function aJob(job_id: string) {
    const { id: dataset_id } = await aDataset(one.client)
    const { services } = one.app
    const queue = { ...services.queue, enqueue: async () => {} }
    await submitTrainingAs(
      serviceCtx({ ...services, queue }, 'default', signal, job_id),
      { model_name: job_id, model_type: 'classification', algorithm: 'logistic_regression', dataset_id },
      job_id,
    )
    const run = (own: Partial<Objects>, { attempt = 1, stop = signal } = {}) =>
      runTraining(
        { ...services, objects: { ...services.objects, ...own } },
        { id: job_id, tenantId: 'default', data: {}, attempt, signal: stop },
        new Map(),
      )
    const row = () =>
      services.db.system((tx) =>
        tx
          .selectFrom('training_jobs')
          .select(['status', 'attempt', 'stage', 'message'])
          .where('id', '=', job_id)
          .executeTakeFirstOrThrow(),
      )
    return { run, row }
  }
  const { signal } = new AbortController()

  it('waits for a store that does not answer before it learns, and not for ever', async () => {
    const { run, row } = await aJob('job_patient')
    const localFile = async () => {
      throw fail('unavailable', 'OBJECTS_UNAVAILABLE', 'The bucket does not answer')
    }
    for (const attempt of [1, 2, 3]) {
      await expect(run({ localFile }, { attempt })).rejects.toMatchObject({ code: 'OBJECTS_UNAVAILABLE' })
      const message = 'To be tried again: The bucket does not answer'
      expect(await row()).toEqual({ status: 'queued', attempt: 0, stage: 'queued', message })
    }
    await expect(run({ localFile }, { attempt: 11 })).rejects.toMatchObject({ code: 'OBJECTS_UNAVAILABLE' })
    expect(await row()).toMatchObject({ status: 'running', attempt: 1 })
    await run({}, { attempt: 12 })
    expect(await row()).toMatchObject({ status: 'succeeded', attempt: 2 })
  })

  it('leaves a job to whoever took it over while it was about to hand it back', async () => {
    const { run, row } = await aJob('job_handed_over')
    const stop = new AbortController()
    const taken = Promise.withResolvers<void>()
    let takeOver: Promise<unknown> = Promise.resolve()
    const localFile = async () => {
      takeOver = one.app.services.db.system(async (tx) => {
        await tx.updateTable('training_jobs').set({ attempt: 2 }).where('id', '=', 'job_handed_over').execute()
        taken.resolve()
        // Its worker reads the job meanwhile.
        await new Promise((resolve) => setTimeout(resolve, 500))
      })
      await taken.promise
      stop.abort()
      throw fail('unavailable', 'STOPPING', 'The service stops')
    }
    await run({ localFile }, { stop: stop.signal })
    await takeOver
    expect(await row()).toMatchObject({ status: 'running', attempt: 2 })
  })

  it('ends a job that has taken too long, instead of beginning it anew', async () => {
    const { run, row } = await aJob('job_endless')
    const stop = new AbortController()
    const localFile = async () => {
      stop.abort(fail('unavailable', 'JOB_EXPIRED', 'It ran for too long'))
      throw fail('conflict', 'TRAINING_CANCELLED', 'Stopped')
    }
    await run({ localFile }, { stop: stop.signal })
    expect(await row()).toMatchObject({ status: 'failed', message: 'It ran for too long' })
  })

  it('does not cancel a job that comes to its end meanwhile', async () => {
    const { row } = await aJob('job_ending')
    const ending = Promise.withResolvers<void>()
    const end = one.app.services.db.system(async (tx) => {
      await tx
        .updateTable('training_jobs')
        .set({ status: 'succeeded', message: 'Done' })
        .where('id', '=', 'job_ending')
        .execute()
      ending.resolve()
      await new Promise((resolve) => setTimeout(resolve, 500))
    })
    await ending.promise
    const refused = await refusal(one.client.training_jobs.cancel({ job_id: 'job_ending' }))
    await end
    expect(refused).toMatchObject({ kind: 'conflict', code: 'JOB_ENDED' })
    expect(await row()).toMatchObject({ status: 'succeeded', message: 'Done' })
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
