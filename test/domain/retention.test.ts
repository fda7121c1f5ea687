// What would grow for ever goes by itself: predictions with their outcomes, the keys of requests, batch jobs.
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../src/core/ids.ts'
import { sweepKeys } from '../../src/domain/access/index.ts'
import { sweepBatchJobs } from '../../src/domain/batch/index.ts'
import type { Services } from '../../src/domain/ctx.ts'
import { sweepPredictions } from '../../src/domain/serving/index.ts'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'

const DAY_MS = 86_400_000
const MODEL = { model_id: 'adder' }

describe.each([...DATABASES])('on the %s database', (database) => {
  let app: TestApp
  beforeAll(async () => {
    app = await startAppOn(database, { worker: false })
    for (const tenant of ['acme', 'globex']) await anAddingModel(app.as(tenant))
  })
  afterAll(() => app.stop())

  const servicesAfter = (days: number): Services => {
    const { services } = app.app
    return {
      ...services,
      clock: { ...services.clock, now: () => new Date(services.clock.now().getTime() + days * DAY_MS) },
    }
  }
  const countOf = (table: 'predictions' | 'feedback' | 'idempotency_keys') =>
    app.app.services.db.system(async (tx) => {
      const { rows } = await sql<{ count: number }>`select count(*) from ${sql.table(table)}`.execute(tx)
      return rows[0]!.count
    })

  it('predictions are kept for some time, and so are their outcomes', async () => {
    const { db } = app.app.services
    for (const tenant of ['acme', 'globex']) {
      const { prediction_id } = await app.as(tenant).models.predict({ ...MODEL, input_data: { x: 1 } })
      await app.as(tenant).predictions.feedback({ prediction_id, actual: 2 })
    }
    // More than are deleted at once.
    const ids = Array.from({ length: 12_000 }, () => newId('pred'))
    await db.system((tx) =>
      sql`insert into predictions (id, tenant_id, model_id, version, input, output, latency_ms)
        select id, 'acme', 'm', '1.0.0', '{}', '{}', 1 from unnest(${ids}::text[]) as id`.execute(tx),
    )
    expect(await sweepPredictions(servicesAfter(89.9))).toBe(0)
    expect(await countOf('feedback')).toBe(2)
    expect(await sweepPredictions(servicesAfter(90.1))).toBe(12_002)
    expect([await countOf('predictions'), await countOf('feedback')]).toEqual([0, 0])
  })

  it('the keys of requests are kept for a day', async () => {
    await app.as('acme').models.create({ name: 'keyed', type: 'custom' }, { idempotencyKey: 'k1' })
    await app.as('globex').models.create({ name: 'keyed', type: 'custom' }, { idempotencyKey: 'k1' })
    const kept = await countOf('idempotency_keys')
    expect(await sweepKeys(servicesAfter(0.9))).toBe(0)
    expect(await sweepKeys(servicesAfter(1.1))).toBe(kept)
    expect(await countOf('idempotency_keys')).toBe(0)
  })

  it('batch jobs that have ended go, however many there are', async () => {
    const { db } = app.app.services
    const { id } = await app.as('acme').batch_jobs.create({ ...MODEL, input_batch: [[1]] })
    await app.as('acme').batch_jobs.cancel({ job_id: id })
    await db.system((tx) =>
      sql`insert into batch_jobs (id, tenant_id, folder, model_id, version, digest, sources, request, output_format,
          status, input_count, chunk_count, finished_at)
        select 'batch_' || n, 'acme', 'tenants/acme/batch/batch_' || n, model_id, version, digest, sources, request,
          output_format, status, input_count, chunk_count, finished_at
        from batch_jobs, generate_series(1, 450) as n where id = ${id}`.execute(tx),
    )
    expect(await sweepBatchJobs(servicesAfter(7.1))).toBe(451)
    expect((await app.as('acme').batch_jobs.list()).items).toEqual([])
  })
})
