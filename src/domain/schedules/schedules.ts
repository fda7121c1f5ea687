// Making, showing, changing and deleting schedules. The moment of the next run is worked out here and after every run, and
// stored: replicas only compare it with the database's clock.
import type { Input, Output } from '../../contract/operations/index.ts'
import type { Schedule } from '../../contract/schedules.ts'
import { fail, notFound } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { nextTime } from '../../jobs/cron.ts'
import { json, type Row } from '../../ports/db/index.ts'
import { type Ctx, inLastTransaction, inTransaction, type TxCtx } from '../ctx.ts'
import { pageById } from '../paging.ts'
import { checkPlan } from './policy.ts'

const MAX_SCHEDULES = 200

export async function createSchedule(ctx: Ctx, input: Input<'schedules.create'>): Promise<Schedule> {
  checkPlan(input)
  const { cron = null, time_zone = 'UTC', active = true } = input
  return inLastTransaction(ctx, 'schedules.create', async (ctx) => {
    await refuseOverQuota(ctx)
    const now = ctx.clock.now()
    const row = await ctx.db
      .insertInto('schedules')
      .values({
        id: newId('sched'),
        tenant_id: ctx.caller.tenantId,
        name: input.name,
        operation: input.operation,
        input: json(input.input),
        dataset_name: input.dataset_name ?? null,
        cron,
        time_zone,
        ...eventColumns(input.event ?? null),
        active,
        next_run_at: nextRun({ cron, time_zone, active }, now),
        updated_at: now,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    return scheduleDocument(row)
  })
}

export function listSchedules(ctx: Ctx, input: Input<'schedules.list'>): Promise<Output<'schedules.list'>> {
  return inTransaction(ctx, async (ctx) => {
    const find = ctx.db.selectFrom('schedules').selectAll()
    return await pageById(find, input, scheduleDocument)
  })
}

export function getSchedule(ctx: Ctx, input: Input<'schedules.get'>): Promise<Schedule> {
  return inTransaction(ctx, async (ctx) => scheduleDocument(await getScheduleRow(ctx, input.schedule_id)))
}

export function updateSchedule(ctx: Ctx, input: Input<'schedules.update'>): Promise<Schedule> {
  return inTransaction(ctx, async (ctx) => {
    // Against the clock's own change of the same row.
    const row = await getScheduleRow(ctx, input.schedule_id, 'lock')
    const { schedule_id: _, ...given } = input
    const { id: __, next_run_at, created_at, updated_at, ...kept } = scheduleDocument(row)
    const wanted = { ...kept, ...given }
    checkPlan(wanted)
    const now = ctx.clock.now()
    const clockChanged = wanted.cron !== row.cron || wanted.time_zone !== row.time_zone || wanted.active !== row.active
    const { name, dataset_name, cron, time_zone, active } = wanted
    const changed = await ctx.db
      .updateTable('schedules')
      .set({
        name,
        input: json(wanted.input),
        dataset_name,
        cron,
        time_zone,
        ...eventColumns(wanted.event),
        active,
        updated_at: now,
        ...(clockChanged && { next_run_at: nextRun({ cron, time_zone, active }, now) }),
      })
      .where('id', '=', row.id)
      .returningAll()
      .executeTakeFirstOrThrow()
    return scheduleDocument(changed)
  })
}

export function deleteSchedule(ctx: Ctx, input: Input<'schedules.delete'>): Promise<{ id: string }> {
  return inTransaction(ctx, async (ctx) => {
    const { id } = await getScheduleRow(ctx, input.schedule_id)
    await ctx.db.deleteFrom('schedules').where('id', '=', id).execute()
    return { id }
  })
}

/** @throws `not_found` SCHEDULE_NOT_FOUND, also for a schedule of another tenant. */
export async function getScheduleRow(ctx: TxCtx, id: string, how: 'read' | 'lock' = 'read'): Promise<Row<'schedules'>> {
  const find = ctx.db.selectFrom('schedules').selectAll().where('id', '=', id)
  const row = await (how === 'lock' ? find.forUpdate() : find).executeTakeFirst()
  if (!row) throw notFound('schedule', id)
  return row
}

export function nextRun(
  { cron, time_zone, active }: Pick<Row<'schedules'>, 'cron' | 'time_zone' | 'active'>,
  after: Date,
): Date | null {
  return active && cron !== null ? nextTime(cron, { timeZone: time_zone, after }) : null
}

async function refuseOverQuota(ctx: TxCtx): Promise<void> {
  const { count } = await ctx.db
    .selectFrom('schedules')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  if (Number(count) < MAX_SCHEDULES) return
  throw fail('limited', 'SCHEDULE_QUOTA', `There are ${MAX_SCHEDULES} schedules already; delete one first`)
}

function eventColumns(event: Schedule['event']) {
  return {
    event_type: event?.type ?? null,
    event_match: json(event?.match ?? {}),
    event_take: json(event?.take ?? []),
  }
}

function scheduleDocument(row: Row<'schedules'>): Schedule {
  return {
    id: row.id,
    name: row.name,
    operation: row.operation,
    input: row.input,
    dataset_name: row.dataset_name,
    cron: row.cron,
    time_zone: row.time_zone,
    event: row.event_type === null ? null : { type: row.event_type, match: row.event_match, take: [...row.event_take] },
    active: row.active,
    next_run_at: row.next_run_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}
