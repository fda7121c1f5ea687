// Who waits for an event, in the transaction of the change it tells of: webhooks that want it sent, schedules that it starts.
import { sql } from 'kysely'
import { newId } from '../core/ids.ts'
import { json, wake } from '../ports/db/index.ts'
import type { TxCtx } from './ctx.ts'

export interface Heard {
  readonly id: string
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface QueuedRun {
  readonly schedule_id: string
  readonly run_id: string
}

interface Listener {
  readonly kind: 'webhook' | 'schedule'
  readonly id: string
  readonly take: readonly string[]
}

/** A training may set off a batch job, and that another training; a ring of them would never end. */
const LONGEST_CHAIN = 5

export async function listenersOf({ db, caller }: TxCtx, { type, data }: Heard): Promise<readonly Listener[]> {
  const { rows } = await sql<Listener>`
    select 'webhook' as kind, id, '[]'::jsonb as take from webhooks
    where tenant_id = ${caller.tenantId} and active and (events = '[]'::jsonb or events ? ${type})
    union all
    select 'schedule', id, event_take from schedules
    where tenant_id = ${caller.tenantId} and active and event_type = ${type} and event_match <@ ${json(data)}::jsonb`.execute(
    db,
  )
  return rows
}

/** A schedule starts once for an event, however often it is told of it. */
export async function queueRuns(
  ctx: TxCtx,
  heard: Heard,
  listeners: readonly Listener[],
): Promise<readonly QueuedRun[]> {
  const waiting = listeners.filter(({ kind }) => kind === 'schedule')
  if (waiting.length === 0) return []
  const { db, caller, log } = ctx
  const depth = await depthOf(ctx)
  if (depth > LONGEST_CHAIN) {
    log.warn({ event_id: heard.id, type: heard.type }, 'schedules start each other in a ring; this one is not started')
    return []
  }
  const runs = await db
    .insertInto('schedule_runs')
    .values(
      waiting.map(({ id: schedule_id, take }) => ({
        id: newId('run'),
        tenant_id: caller.tenantId,
        schedule_id,
        due_at: sql<Date>`clock_timestamp()`,
        next_attempt_at: sql<Date>`clock_timestamp()`,
        event_id: heard.id,
        input: json(
          Object.fromEntries(
            take.filter((field) => Object.hasOwn(heard.data, field)).map((field) => [field, heard.data[field]]),
          ),
        ),
        depth,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning(['id', 'schedule_id'])
    .execute()
  wake(db, 'schedules')
  return runs.map(({ id: run_id, schedule_id }) => ({ schedule_id, run_id }))
}

/** What a run starts has the run's id as its request id, and so have the events of it. */
async function depthOf({ db, caller }: TxCtx): Promise<number> {
  if (!caller.requestId.startsWith('run_')) return 0
  const run = await db
    .selectFrom('schedule_runs')
    .select('depth')
    .where('tenant_id', '=', caller.tenantId)
    .where('id', '=', caller.requestId)
    .executeTakeFirst()
  return run ? run.depth + 1 : 0
}
