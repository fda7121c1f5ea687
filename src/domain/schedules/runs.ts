// The log of a schedule's runs, starting one by hand, and forgetting old ones.
import { sql } from 'kysely'
import type { Input, Output } from '../../contract/operations/index.ts'
import type { ScheduleRun } from '../../contract/schedules.ts'
import { newId } from '../../core/ids.ts'
import { json, type Row, wake } from '../../ports/db/index.ts'
import { type Ctx, inLastTransaction, inTransaction, type Services } from '../ctx.ts'
import { pageById } from '../paging.ts'
import { getScheduleRow } from './schedules.ts'

const KEEP_MS = 90 * 24 * 3_600_000

export function listRuns(ctx: Ctx, input: Input<'schedules.runs'>): Promise<Output<'schedules.runs'>> {
  return inTransaction(ctx, async (ctx) => {
    const { id } = await getScheduleRow(ctx, input.schedule_id)
    let find = ctx.db.selectFrom('schedule_runs').selectAll().where('schedule_id', '=', id)
    if (input.status) find = find.where('status', '=', input.status)
    return await pageById(find, input, runDocument)
  })
}

export function runSchedule(ctx: Ctx, input: Input<'schedules.run'>): Promise<ScheduleRun> {
  return inLastTransaction(ctx, 'schedules.run', async (ctx) => {
    const { id, tenant_id } = await getScheduleRow(ctx, input.schedule_id)
    const row = await ctx.db
      .insertInto('schedule_runs')
      .values({
        id: newId('run'),
        tenant_id,
        schedule_id: id,
        due_at: sql<Date>`clock_timestamp()`,
        next_attempt_at: sql<Date>`clock_timestamp()`,
        input: json({}),
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    wake(ctx.db, 'schedules')
    return runDocument(row)
  })
}

export async function sweepRuns({ db, clock }: Services): Promise<void> {
  const before = new Date(clock.now().getTime() - KEEP_MS)
  await db.system((tx) =>
    tx.deleteFrom('schedule_runs').where('status', '!=', 'waiting').where('created_at', '<', before).execute(),
  )
}

function runDocument(row: Row<'schedule_runs'>): ScheduleRun {
  return {
    id: row.id,
    schedule_id: row.schedule_id,
    due_at: row.due_at.toISOString(),
    event_id: row.event_id,
    status: row.status,
    job_id: row.job_id,
    error: row.error,
    created_at: row.created_at.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
  }
}
