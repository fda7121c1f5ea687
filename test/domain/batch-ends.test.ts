// Batch jobs that do not simply succeed: nobody works on them, somebody stops them, or they cannot be done.

import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app.ts'
import { fail } from '../../src/core/failure.ts'
import { claimChunk, completeChunk, takeBackChunks } from '../../src/domain/batch/claim.ts'
import { newCompany } from '../../src/domain/batch/company.ts'
import { MAX_DEATHS } from '../../src/domain/batch/policy.ts'
import { runChunk } from '../../src/domain/batch/run-chunk.ts'
import { defineModel, Serving } from '../../src/domain/serving/index.ts'
import type { Database } from '../../src/ports/db/index.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { resultLines, untilBatchEnds } from '../helpers/batch.ts'
import { aDataset, anAddingModel } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'

const MODEL = { model_id: 'adder' }
const ROWS = Array.from({ length: 30 }, (_, x) => ({ x }))

const doubler = () =>
  defineModel({
    name: 'doubler',
    input: Type.Object({ n: Type.Number() }),
    output: Type.Number(),
    predict: ({ n }) => 2 * n,
  })

interface Trouble {
  /** Which contacts with the database after the result was stored find it away; the first is 1. */
  readonly away?: readonly number[]
  /** What happens between the result and its counting. */
  readonly meanwhile?: (db: Database) => Promise<unknown>
}

/** Works on the next chunk. @returns what it would go on with. */
async function workOnce({ services }: App, { away = [], meanwhile }: Trouble) {
  const { db, objects } = services
  const serving = new Serving(services)
  serving.custom.register(doubler())
  const claim = (await db.system((tx) => claimChunk(tx, 3600)))!
  let contacts = Number.NEGATIVE_INFINITY
  const reach = () => {
    if (away.includes(++contacts)) throw fail('unavailable', 'DATABASE_UNAVAILABLE', 'away')
  }
  const troubled = {
    ...services,
    db: {
      ...db,
      system: async (work) => {
        reach()
        return db.system(work)
      },
      tenant: async (tenantId, work) => {
        reach()
        return db.tenant(tenantId, work)
      },
    } satisfies Database,
    objects: {
      ...objects,
      put: async (...given: Parameters<typeof objects.put>) => {
        const put = await objects.put(...given)
        await meanwhile?.(db)
        contacts = 0
        return put
      },
    },
  }
  const worker = { services: troubled, serving, company: newCompany() }
  return await runChunk(worker, claim, new AbortController().signal)
}

describe('a chunk', () => {
  const LINES = '{"n":1}\n{"n":2}\n{"n":3}'
  const start = () => startApp({ worker: false, models: [doubler()], config: { batchChunkRows: 1 } })
  const submit = (app: TestApp, job_id: string) =>
    app.client.batch_jobs.create({ model_id: 'doubler', file: LINES, job_id })
  const chunksOf = ({ app }: TestApp, job: string) =>
    app.services.db.system((tx) =>
      tx
        .selectFrom('batch_chunks')
        .select(['status', 'attempt', 'deaths', 'outages'])
        .where('job_id', '=', job)
        .orderBy('index')
        .execute(),
    )

  it('is given back as soon as the database is there again, and no death of its worker', async () => {
    await using app = await start()
    await submit(app, 'x')
    expect(await workOnce(app.app, { away: [1, 2, 3] })).toBeUndefined()
    const [first] = await chunksOf(app, 'x')
    expect(first).toEqual({ status: 'waiting', attempt: 1, deaths: 0, outages: 1 })
  })

  it('that was taken from a living worker is counted as no death, also where that is noticed at its end', async () => {
    await using app = await start()
    await submit(app, 'x')
    const next = await workOnce(app.app, { meanwhile: (db) => db.system((tx) => takeBackChunks(tx, 'all')) })
    expect(next).toMatchObject({ index: 0, attempt: 2 })
    const [first] = await chunksOf(app, 'x')
    expect(first).toEqual({ status: 'running', attempt: 2, deaths: 0, outages: 1 })
  })

  it('that turns out to be the last gives the next one back, or is followed by it', async () => {
    for (const away of [[], [2]]) {
      await using app = await start()
      await submit(app, 'x')
      await submit(app, 'y')
      const others = async (db: Database) => {
        for (let i = 0; i < 2; i++) {
          await db.system(async (tx) => {
            const claim = (await claimChunk(tx, 3600))!
            await completeChunk(tx, claim, { failedRows: 0, bytes: 1, errors: [] })
          })
        }
      }
      let done = false
      const meanwhile = async (db: Database) => {
        if (!done) await others(db)
        done = true
      }
      const next = await workOnce(app.app, { away, meanwhile })
      expect(next?.jobId).toBe(away.length === 0 ? undefined : 'y')
      const [first] = await chunksOf(app, 'y')
      expect(first).toMatchObject({ status: next ? 'running' : 'waiting', attempt: 1 })
      const { status } = await app.client.batch_jobs.get({ job_id: 'x' })
      expect(status).toBe(next ? 'running' : 'succeeded')
    }
  })
})

describe('a batch job', () => {
  it('waits for a worker, can be cancelled meanwhile, and is then over', async () => {
    await using app = await startApp({ worker: false, config: { batchChunkRows: 10 } })
    await anAddingModel(app.client)
    const { id } = await app.client.batch_jobs.create({ ...MODEL, input_batch: ROWS })
    const job_id = id
    expect(await refusal(app.client.batch_jobs.results({ job_id }))).toMatchObject({ code: 'BATCH_JOB_NOT_FINISHED' })
    expect(await refusal(app.client.batch_jobs.delete({ job_id }))).toMatchObject({ code: 'BATCH_JOB_RUNNING' })
    expect(await app.client.batch_jobs.get({ job_id })).toMatchObject({ status: 'queued', rows_per_second: null })
    expect(await app.client.batch_jobs.cancel({ job_id })).toMatchObject({ status: 'cancelled', remaining_seconds: 0 })
    expect(await refusal(app.client.batch_jobs.cancel({ job_id }))).toMatchObject({ code: 'JOB_ENDED' })
    expect(await refusal(app.client.batch_jobs.results({ job_id }))).toMatchObject({ code: 'BATCH_JOB_NOT_SUCCEEDED' })
    const events = await app.app.services.db.system((tx) => tx.selectFrom('outbox').select('event').execute())
    expect(events.filter(({ event }) => event.type === 'ml.batch.cancelled')).toHaveLength(1)
    expect(await app.client.batch_jobs.delete({ job_id })).toEqual({ id })
  })

  it('is followed to its end by whoever asks, and only by its tenant', async () => {
    await using app = await startApp({ config: { batchChunkRows: 10 } })
    await anAddingModel(app.client)
    const { id: job_id } = await app.client.batch_jobs.create({ ...MODEL, input_batch: ROWS })
    const seen = []
    for await (const event of app.client.batch_jobs.events({ job_id })) seen.push(event)
    expect(seen.at(-1)).toMatchObject({ event: 'succeeded', data: { id: job_id, processed_count: 30, progress: 1 } })
    const counts = seen.map(({ data }) => (data as { processed_count: number }).processed_count)
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    expect(seen.slice(0, -1).every(({ event }) => event === 'progress')).toBe(true)
    const again = []
    for await (const { event } of app.client.batch_jobs.events({ job_id })) again.push(event)
    expect(again).toEqual(['succeeded'])
    const others = async () => {
      for await (const _ of app.as('acme').batch_jobs.events({ job_id })) return
    }
    expect(await refusal(others())).toMatchObject({ code: 'BATCH_JOB_NOT_FOUND' })
  })

  it('names the rows to which the model answers no finite number', async () => {
    await using app = await startApp()
    await anAddingModel(app.client, { amount: 3e38 })
    for (const input of [{ input_batch: [{ x: 1 }, { x: 2e38 }, { x: -1e38 }] }, { file: 'x\n1\n2e38\n-1e38\n' }]) {
      const { id: job_id } = await app.client.batch_jobs.create({ ...MODEL, ...input })
      expect(await untilBatchEnds(app.client, job_id)).toMatchObject({
        status: 'succeeded',
        failed_count: 1,
        row_errors: [{ row: 1, error: 'makes the model answer no finite number' }],
      })
      const lines = await resultLines(app.client, { job_id })
      expect(lines.map(({ prediction }) => prediction === null)).toEqual([false, true, false])
    }
  })

  it('keeps the dataset that it reads, unless that is forced', async () => {
    await using app = await startApp({ worker: false })
    await anAddingModel(app.client)
    const { id: dataset_id } = await aDataset(app.client, ROWS, 'x')
    const { id: job_id } = await app.client.batch_jobs.create({ ...MODEL, dataset_id })
    expect(await refusal(app.client.datasets.delete({ dataset_id }))).toMatchObject({ code: 'DATASET_IN_USE' })
    await app.client.batch_jobs.cancel({ job_id })
    expect(await app.client.datasets.delete({ dataset_id })).toEqual({ id: dataset_id })
  })

  it('fails when its input is gone, and says so', async () => {
    await using app = await startApp({ worker: false })
    await anAddingModel(app.client)
    const { id } = await app.client.batch_jobs.create({ ...MODEL, input_batch: ROWS })
    await app.app.services.objects.delete([`batch/${id}/input/0`])
    await app.app.stop()
    await using again = await startApp({ dataDir: app.dataDir })
    const job = await untilBatchEnds(again.client, id)
    expect(job).toMatchObject({ status: 'failed' })
    expect(job.error).toContain('input/0')
  })

  it('fails once its workers have died over one chunk again and again, and not for what was away', async () => {
    await using app = await startApp({ worker: false })
    await anAddingModel(app.client)
    const histories = {
      poison: { deaths: MAX_DEATHS - 1 },
      unlucky: { deaths: MAX_DEATHS - 2, outages: 400, failures: 8 },
    }
    for (const [job_id, counts] of Object.entries(histories)) {
      await app.client.batch_jobs.create({ ...MODEL, input_batch: ROWS, job_id })
      await app.app.services.db.system(async (tx) => {
        await claimChunk(tx, 3600)
        await tx.updateTable('batch_chunks').set(counts).where('job_id', '=', job_id).execute()
      })
    }
    await app.app.stop()
    await using again = await startApp({ dataDir: app.dataDir, config: { batchConcurrency: 2 } })
    const poison = await untilBatchEnds(again.client, 'poison')
    expect(poison).toMatchObject({ status: 'failed', error: `The workers of one chunk died ${MAX_DEATHS} times` })
    expect(await untilBatchEnds(again.client, 'unlucky')).toMatchObject({ status: 'succeeded', processed_count: 30 })
  })

  it('is predicted by a model written in TypeScript, row by row', async () => {
    await using app = await startApp({ models: [doubler()] })
    const lines = ['{"n":1}', '{"n":"x"}', 'broken', '{"n":4}'].join('\n')
    const { id } = await app.client.batch_jobs.create({ model_id: 'doubler', file: `${lines}\n{"n":5}` })
    expect(await untilBatchEnds(app.client, id)).toMatchObject({ status: 'succeeded', failed_count: 2 })
    const answers = await resultLines(app.client, { job_id: id })
    expect(answers.map(({ prediction }) => prediction)).toEqual([2, null, null, 8, 10])
    expect(answers[2]!.error).toContain('is not valid JSON')
    expect(await refusal(app.client.batch_jobs.create({ model_id: 'doubler', file: 'n\n1\n' }))).toMatchObject({
      code: 'BATCH_INPUT_UNSUPPORTED',
    })
  })
})
