// Schedules end to end: real jobs, started by a clock that is moved by hand, by events, and by several replicas at once.
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import type { ScheduleRun } from '../../src/contract/schedules.ts'
import { aDatabase, DATABASES, startApp, startAppOn, type TestApp } from '../helpers/app.ts'
import { resultLines, untilBatchEnds } from '../helpers/batch.ts'
import { anAddingModel, aTable } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'

const NIGHTLY = '0 3 * * *'
const ADD = { model_id: 'adder', input_batch: [[1], [2]] }

const timePasses = ({ app }: TestApp) =>
  app.services.db.system((tx) =>
    sql`update schedules set next_run_at = clock_timestamp() - interval '3 days' where next_run_at is not null`.execute(
      tx,
    ),
  )

async function untilRuns(client: MlClient, schedule_id: string, count = 1): Promise<readonly ScheduleRun[]> {
  const ended = async () => {
    const { items } = await client.schedules.runs({ schedule_id })
    return items.length >= count && items.every(({ status }) => status !== 'waiting') ? items : undefined
  }
  await expect.poll(ended, { timeout: 20_000, interval: 30 }).toBeDefined()
  return (await ended())!
}

describe.each([...DATABASES])('schedules on the %s database', (database) => {
  let app: TestApp
  let client: MlClient
  beforeAll(async () => {
    app = await startAppOn(database)
    client = app.client
    await anAddingModel(client)
  })
  afterAll(() => app.stop())
  afterEach(() => app.app.services.db.system((tx) => sql`delete from schedules`.execute(tx)))

  const batch = (more: Partial<Parameters<MlClient['schedules']['create']>[0]> = {}) =>
    client.schedules.create({ name: 'nightly', operation: 'batch_jobs.create', input: ADD, ...more })
  const jobs = async () =>
    (await Promise.all([client.batch_jobs.list(), client.training_jobs.list()])).flatMap(({ items }) =>
      items.map(({ id }) => id),
    )

  it('run when their time comes, and know the next one', async () => {
    const made = await batch({ cron: NIGHTLY, time_zone: 'Asia/Kolkata' })
    expect(made).toMatchObject({ active: true, time_zone: 'Asia/Kolkata', event: null })
    expect(made.next_run_at).toMatch(/T21:30:00.000Z$/)
    await timePasses(app)
    const [run] = await untilRuns(client, made.id)
    expect(run).toMatchObject({ status: 'started', event_id: null, error: null })
    const job = await untilBatchEnds(client, run!.job_id!)
    expect(job.status).toBe('succeeded')
    expect((await resultLines(client, { job_id: job.id })).map(({ prediction }) => prediction)).toEqual([2, 3])
    expect(await client.schedules.get({ schedule_id: made.id })).toMatchObject({ next_run_at: made.next_run_at })
    expect((await client.schedules.list()).items.map(({ id }) => id)).toEqual([made.id])
  })

  it('run once, however often their time came while nobody looked', async () => {
    const { id } = await batch({ cron: '* * * * *' })
    await timePasses(app)
    await untilRuns(client, id)
    expect(await client.schedules.runs({ schedule_id: id })).toMatchObject({ items: [{ status: 'started' }] })
  })

  it('rest while paused, and make up for nothing afterwards', async () => {
    const { id } = await batch({ cron: NIGHTLY })
    expect(await client.schedules.update({ schedule_id: id, active: false })).toMatchObject({ next_run_at: null })
    await timePasses(app)
    const { next_run_at } = await client.schedules.update({ schedule_id: id, active: true })
    expect(Date.parse(next_run_at!)).toBeGreaterThan(app.app.services.clock.now().getTime())
    expect((await client.schedules.runs({ schedule_id: id })).items).toEqual([])
    expect(await client.schedules.update({ schedule_id: id, cron: null })).toMatchObject({
      next_run_at: null,
      cron: null,
    })
  })

  it('run by hand', async () => {
    const { id } = await batch()
    const asked = await client.schedules.run({ schedule_id: id })
    expect(asked).toMatchObject({ schedule_id: id, status: 'waiting', job_id: null })
    expect(await untilRuns(client, id)).toMatchObject([{ id: asked.id, status: 'started' }])
  })

  it('start the same job again after a replica died between job and log', async () => {
    const training = await client.schedules.create({
      name: 'weekly',
      operation: 'models.train',
      input: { model_name: 'again', model_type: 'classification', algorithm: 'logistic_regression' },
      dataset_name: 'customers',
    })
    await client.datasets.create({ name: 'customers', rows: aTable(), target: 'bought' })
    const predicting = await batch()
    const before = await jobs()
    for (const { id } of [training, predicting]) {
      await client.schedules.run({ schedule_id: id })
      const [first] = await untilRuns(client, id)
      expect(first).toMatchObject({ status: 'started' })
      await app.app.services.db.system((tx) =>
        sql`update schedule_runs set status = 'waiting', job_id = null, next_attempt_at = clock_timestamp() where id = ${first!.id}`.execute(
          tx,
        ),
      )
      expect(await untilRuns(client, id)).toEqual([{ ...first, started_at: expect.any(String) }])
    }
    expect(await jobs()).toHaveLength(before.length + 2)
  })

  it('train on the newest dataset of a name', async () => {
    const rows = aTable()
    for (const part of [rows.slice(20), rows]) {
      await client.datasets.create({ name: 'days', rows: part, target: 'bought' })
    }
    const newest = (await client.datasets.list()).items.find((one) => one.rows === rows.length)!
    const { id } = await client.schedules.create({
      name: 'weekly',
      operation: 'models.train',
      input: { model_name: 'weekly', model_type: 'classification', algorithm: 'logistic_regression' },
      dataset_name: 'days',
      cron: '0 3 * * 1',
    })
    await timePasses(app)
    const [run] = await untilRuns(client, id)
    expect(await client.training_jobs.get({ job_id: run!.job_id! })).toMatchObject({ dataset_id: newest.id })
  })

  it('say why a job could not be started', async () => {
    const { id } = await batch({ input: { ...ADD, model_id: 'absent' }, cron: NIGHTLY })
    await timePasses(app)
    expect(await untilRuns(client, id)).toMatchObject([
      { status: 'failed', job_id: null, error: expect.stringContaining('MODEL_NOT_FOUND') },
    ])
  })

  it('start for an event of the service, with what it tells', async () => {
    const rows = [{ x: 1 }, { x: 2 }, { x: 3 }]
    const { id } = await batch({
      input: { model_id: 'adder' },
      event: { type: 'ml.dataset.created', match: { rows: rows.length }, take: ['dataset_id'] },
    })
    await client.datasets.create({ name: 'small', rows: rows.slice(1) })
    await client.datasets.create({ name: 'right', rows })
    const [run, ...others] = await untilRuns(client, id)
    expect(others).toEqual([])
    expect(run).toMatchObject({ status: 'started', event_id: expect.stringMatching(/^evt_/) })
    const { id: job_id } = await untilBatchEnds(client, run!.job_id!)
    expect((await resultLines(client, { job_id })).map(({ prediction }) => prediction)).toEqual([2, 3, 4])
  })

  it('start for an event from outside, once a delivery', async () => {
    const { id } = await batch({ event: { type: 'bookings.exported', match: { region: 'north' } } })
    await batch({ event: { type: 'bookings.exported' }, active: false })
    expect(await client.events.receive({ event_type: 'constructor', payload: {} })).toMatchObject({
      runs: [],
      job: null,
    })
    const event = { event_type: 'bookings.exported', timestamp: '2026-01-01T00:00:00Z' }
    const south = await client.events.receive({ ...event, payload: { region: 'south' } })
    expect(south).toMatchObject({ runs: [], job: null })
    const north = { ...event, payload: { region: 'north', rows: 7 } }
    const told = await client.events.receive(north, { idempotencyKey: 'delivery-1' })
    expect(told.runs.map(({ schedule_id }) => schedule_id)).toEqual([id])
    expect(await client.events.receive(north, { idempotencyKey: 'delivery-1' })).toEqual(told)
    expect(await untilRuns(client, id)).toMatchObject([{ id: told.runs[0]!.run_id, event_id: told.event_id }])
    expect(await app.as('somebody').events.receive(north)).toMatchObject({ runs: [] })
  })

  it('do not end up in a ring', async () => {
    const { id } = await batch({ event: { type: 'ping' } })
    const receive = (requestId?: string) =>
      client.events.receive({ event_type: 'ping', payload: {} }, requestId === undefined ? {} : { requestId })
    let { runs } = await receive()
    for (let depth = 1; depth <= 5; depth++) runs = (await receive(runs[0]!.run_id)).runs
    expect((await receive(runs[0]!.run_id)).runs).toEqual([])
    expect(await untilRuns(client, id, 6)).toHaveLength(6)
  })

  it('are not needed for an event that asks for a job itself', async () => {
    const { job } = await client.events.receive({ event_type: 'ml.batch.requested', payload: ADD })
    expect(job?.operation).toBe('batch_jobs.create')
    expect((await untilBatchEnds(client, job!.job_id)).status).toBe('succeeded')
    const { id: dataset_id } = await client.datasets.create({ name: 'rows', rows: aTable(), target: 'bought' })
    const payload = { model_name: 'asked', model_type: 'classification', dataset_id, algorithm: 'logistic_regression' }
    const training = await client.events.receive({ event_type: 'ml.training.requested', payload })
    expect(await client.training_jobs.get({ job_id: training.job!.job_id })).toMatchObject({ dataset_id })
    const broken = client.events.receive({
      event_type: 'ml.training.requested',
      payload: { ...payload, model_type: 'x' },
    })
    expect(Object.keys((await refusal(broken)).fields)).toEqual(['payload.model_type'])
  })

  it('are refused with everything that is wrong', async () => {
    const { fields } = await refusal(
      client.schedules.create({
        name: 'wrong',
        operation: 'models.train',
        input: { model_type: 'classification', surprise: 1, job_id: 'mine' },
        dataset_name: 'x',
        cron: '99 * * * *',
        event: { type: 'ml.training.completed' },
      }),
    )
    expect(Object.keys(fields).sort()).toEqual([
      'cron',
      'event.type',
      'input.job_id',
      'input.model_name',
      'input.surprise',
    ])
    const zone = client.schedules.create({
      name: 'x',
      operation: 'batch_jobs.create',
      input: ADD,
      time_zone: 'Nowhere',
    })
    expect(Object.keys((await refusal(zone)).fields)).toEqual(['time_zone'])
  })

  it('are gone once deleted, but not their jobs', async () => {
    const { id } = await batch({ cron: NIGHTLY })
    await timePasses(app)
    const [run] = await untilRuns(client, id)
    await untilBatchEnds(client, run!.job_id!)
    await client.schedules.delete({ schedule_id: id })
    expect(await refusal(client.schedules.get({ schedule_id: id }))).toMatchObject({ code: 'SCHEDULE_NOT_FOUND' })
    expect(await client.batch_jobs.get({ job_id: run!.job_id! })).toMatchObject({ status: 'succeeded' })
  })
})

describe('a schedule whose last job still runs', () => {
  it('is skipped by the clock, and not by hand', async () => {
    await using app = await startApp({ config: { batchConcurrency: 0 } })
    const { client } = app
    await anAddingModel(client)
    const asked = { name: 'busy', operation: 'batch_jobs.create', input: ADD, cron: NIGHTLY } as const
    const { id } = await client.schedules.create(asked)
    await timePasses(app)
    await untilRuns(client, id)
    await timePasses(app)
    expect(await untilRuns(client, id, 2)).toMatchObject([{ status: 'skipped', job_id: null }, { status: 'started' }])
    await client.schedules.run({ schedule_id: id })
    expect((await untilRuns(client, id, 3)).map(({ status }) => status)).toEqual(['started', 'skipped', 'started'])
  })
})

describe.runIf(DATABASES.includes('postgres'))('a schedule of two replicas', () => {
  it('runs once every time, which several schedules every second show', { timeout: 60_000 }, async () => {
    await using database = await aDatabase()
    await using one = await startApp({ database: database.url })
    await using two = await startApp({ database: database.url, dataDir: one.dataDir })
    const { client } = one
    await anAddingModel(client)
    const asked = { name: 'often', operation: 'batch_jobs.create', input: ADD, cron: '* * * * * *' } as const
    const made = await Promise.all([1, 2, 3].map(() => two.client.schedules.create(asked)))
    for (const { id } of made) await untilRuns(client, id, 4)
    await Promise.all(made.map(({ id: schedule_id }) => client.schedules.update({ schedule_id, active: false })))
    let started = 0
    for (const { id } of made) {
      const runs = await untilRuns(client, id)
      expect(new Set(runs.map(({ due_at }) => due_at)).size).toBe(runs.length)
      started += runs.filter(({ status }) => status === 'started').length
    }
    expect((await client.batch_jobs.list({ limit: 500 })).items).toHaveLength(started)
  })
})
