// A commit whose answer was lost: the caller is told that the database is away, and the work stands. What was uploaded for it has to
// stand as well, and the same request under the same key finds it done.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sweepBatchFolders, sweepBatchJobs } from '../../src/domain/batch/index.ts'
import { sweepUploads } from '../../src/domain/datasets/index.ts'
import { aDatabase, DATABASES, startApp, startAppOn, type TestApp, type TestDatabase } from '../helpers/app.ts'
import { resultLines, untilBatchEnds } from '../helpers/batch.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { type LostAnswers, loseAnswers } from '../helpers/lost-answers.ts'
import { addModel } from '../runtime-models.ts'

const DAY_MS = 24 * 3_600_000
const ROWS = Array.from({ length: 30 }, (_, x) => ({ x }))

describe.skipIf(!DATABASES.includes('postgres'))('a commit whose answer is lost', () => {
  let database: TestDatabase
  let cable: LostAnswers
  let app: TestApp
  beforeAll(async () => {
    database = await aDatabase()
    cable = await loseAnswers(database.url)
    app = await startApp({ database: cable.url, worker: false })
    await anAddingModel(app.client)
  })
  afterAll(async () => {
    await app?.stop()
    await cable?.[Symbol.asyncDispose]()
    await database?.[Symbol.asyncDispose]()
  })

  /** Told that it failed, although it was done; what is left of it is given time to be put away. */
  async function unanswered(statement: string, work: () => Promise<unknown>): Promise<void> {
    const lost = cable.loseCommitOf(statement)
    expect(await refusal(work())).toMatchObject({ kind: 'unavailable' })
    await lost
    await sleep(50)
  }

  it('leaves a batch job its input, and the job is done', async () => {
    const job_id = 'unanswered'
    const submit = () => app.client.batch_jobs.create({ model_id: 'adder', file: 'x\n1\n2\n3\n', job_id })
    await unanswered('insert into "batch_jobs"', submit)
    expect(await submit()).toMatchObject({ id: job_id, status: 'queued', input_count: 3 })
    await using worker = await startApp({ database: database.url, dataDir: app.dataDir })
    expect(await untilBatchEnds(worker.client, job_id)).toMatchObject({ status: 'succeeded', processed_count: 3 })
    const results = await resultLines(worker.client, { job_id })
    expect(results.map(({ prediction }) => prediction)).toEqual([2, 3, 4])
  })

  it('leaves a dataset its rows, also for whoever asks again', async () => {
    const create = () => app.client.datasets.create({ name: 'kept', rows: ROWS }, { idempotencyKey: 'dataset' })
    await unanswered('insert into "datasets"', create)
    const { id } = await create()
    expect((await app.client.datasets.list()).items.map((dataset) => dataset.id)).toEqual([id])
    expect((await app.client.datasets.rows({ dataset_id: id })).rows).toHaveLength(ROWS.length)
  })

  it('leaves an imported version its file, and makes one of two requests', async () => {
    const { id: model_id } = await app.client.models.create({ name: 'imported', type: 'regression' })
    const version = { model_id, file: addModel(5), trusted: true }
    const add = () => app.client.versions.import(version, { idempotencyKey: 'version' })
    await unanswered('insert into "model_versions"', add)
    expect(await add()).toMatchObject({ version: '1.0.0' })
    expect((await app.client.versions.list({ model_id })).items).toHaveLength(1)
    await app.client.models.deploy({ model_id, version: '1.0.0' })
    expect(await app.client.models.predict({ model_id, input_data: { x: 1 } })).toMatchObject({ prediction: 6 })
  })
})

describe('what lies in the store', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startAppOn(DATABASES.at(-1)!, { worker: false })
    await anAddingModel(app.as('acme'))
  })
  afterAll(() => app?.stop())

  const stored = async () => {
    const keys = []
    for await (const { key } of app.app.services.objects.list('')) keys.push(key)
    return keys
  }
  const servicesAfter = (days: number) => {
    const { services } = app.app
    const now = () => new Date(services.clock.now().getTime() + days * DAY_MS)
    return { ...services, clock: { ...services.clock, now } }
  }

  it('of a request that did not come to its end is deleted after a day, and nothing that belongs to somebody', async () => {
    const job = await app.as('acme').batch_jobs.create({ model_id: 'adder', input_batch: ROWS })
    const dataset = await app.as('acme').datasets.create({ name: 'kept', rows: ROWS })
    const other = (id: string) => `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`
    const left = [
      `tenants/acme/batch/${other(job.id)}/input/raw`,
      `batch/${other(job.id)}/input/0`,
      `datasets/${other(dataset.id)}/data`,
    ]
    for (const key of left) await app.app.services.objects.put(key, Buffer.from('x'))
    const before = await stored()
    const sweep = async (days: number) => [
      await sweepBatchFolders(servicesAfter(days)),
      await sweepUploads(servicesAfter(days)),
    ]
    expect(await sweep(0.9)).toEqual([0, 0])
    expect(await stored()).toEqual(before)
    expect(await sweep(1.1)).toEqual([2, 1])
    expect(await stored()).toEqual(before.filter((key) => !left.includes(key)))
  })

  it('of a batch job goes with it, once it has ended long ago', async () => {
    const client = app.as('acme')
    const ended = await client.batch_jobs.create({ model_id: 'adder', input_batch: ROWS })
    const open = await client.batch_jobs.create({ model_id: 'adder', input_batch: ROWS })
    await client.batch_jobs.cancel({ job_id: ended.id })
    await app.app.services.objects.put(`tenants/acme/batch/${ended.id}/parts/000000-1.jsonl`, Buffer.from('x'))
    expect(await sweepBatchJobs(servicesAfter(6.9))).toBe(0)
    expect(await sweepBatchJobs(servicesAfter(7.1))).toBe(1)
    const left = (await client.batch_jobs.list()).items.map(({ id }) => id)
    expect([left.includes(ended.id), left.includes(open.id)]).toEqual([false, true])
    const keys = (await stored()).join(' ')
    expect([keys.includes(ended.id), keys.includes(open.id)]).toEqual([false, true])
  })
})
