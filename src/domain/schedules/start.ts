// Turns what is due into jobs. Two steps, each safe to be done twice: a row for the run is written in the transaction that moves
// the clock on, and the job of a run has an id made from the run's. So a replica may die anywhere, and another goes on.
import { sql } from 'kysely'
import type { BatchRequest } from '../../contract/batch.ts'
import type { ScheduledOperation } from '../../contract/schedules.ts'
import type { TrainRequest } from '../../contract/training.ts'
import { asFailure, type FailureKind, fail } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { type Loop, startLoop, type Turn } from '../../core/loop.ts'
import { callerAttributes, traceContextOf } from '../../core/trace.ts'
import { json, type Tx } from '../../ports/db/index.ts'
import { submitBatch } from '../batch/index.ts'
import { inTransaction, type Services, serviceCtx, type TxCtx } from '../ctx.ts'
import type { Serving, ServingCtx } from '../serving/index.ts'
import { within } from '../traced.ts'
import { submitTrainingAs } from '../training/index.ts'
import { checkRequest } from './policy.ts'
import { nextRun } from './schedules.ts'

const POLL_MS = 1000
const AT_ONCE = 20
const CLAIM_SECONDS = 120
/** After each attempt that might succeed later, in seconds; then the run has failed. */
const PAUSES = [1, 5, 15, 60, 300, 900, 3600]
const PASSING: ReadonlySet<FailureKind> = new Set(['unavailable', 'limited', 'internal'])

type Fields = Readonly<Record<string, unknown>>

interface DueRun {
  readonly id: string
  readonly tenantId: string
  readonly scheduleId: string
  readonly byClock: boolean
  readonly attempts: number
  readonly operation: ScheduledOperation
  readonly datasetName: string | null
  /** Of the schedule, and over it what was taken from the event. */
  readonly input: Fields
  /** The event that asked for it, where one did. */
  readonly event: { readonly traceparent?: string; readonly tracestate?: string } | null
}

export function startScheduler(services: Services, serving: Serving): Loop {
  const { db, log } = services
  const onWake = (wake: () => void) => db.onWake('schedules', wake)

  async function turn({ signal, idle }: Turn): Promise<void> {
    const due = await db.system(async (tx) => {
      await queueDue(tx)
      return claimRuns(tx)
    })
    for (const run of due) {
      if (!signal.aborted) await startRun({ services, serving }, run, signal)
    }
    if (due.length < AT_ONCE) await idle(POLL_MS)
  }

  return startLoop({ onWake, log, onFailure: 'schedules wait: the database cannot be reached' }, turn)
}

/** Writes the runs that the clock asks for. However long nobody looked, a schedule runs once, and not for every time missed. */
export async function queueDue(tx: Tx): Promise<void> {
  const due = await tx
    .selectFrom('schedules')
    .selectAll()
    .select(sql<Date>`clock_timestamp()`.as('now'))
    .where('active', '=', true)
    .where('next_run_at', '<=', sql<Date>`clock_timestamp()`)
    .orderBy('next_run_at')
    .limit(100)
    .forUpdate()
    .skipLocked()
    .execute()
  for (const row of due) {
    await tx
      .insertInto('schedule_runs')
      .values({
        id: newId('run'),
        tenant_id: row.tenant_id,
        schedule_id: row.id,
        due_at: row.next_run_at!,
        by_clock: true,
        input: json({}),
        next_attempt_at: sql<Date>`clock_timestamp()`,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    await tx
      .updateTable('schedules')
      .set({ next_run_at: nextRun(row, row.now) })
      .where('id', '=', row.id)
      .execute()
  }
}

export async function claimRuns(tx: Tx): Promise<readonly DueRun[]> {
  const { rows } = await sql<DueRun>`
    update schedule_runs r
    set attempts = r.attempts + 1, next_attempt_at = clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS}::integer)
    from schedules s
    where s.id = r.schedule_id and r.id in (
      select id from schedule_runs where status = 'waiting' and next_attempt_at <= clock_timestamp()
      order by next_attempt_at limit ${AT_ONCE} for update skip locked)
    returning r.id, r.tenant_id as "tenantId", r.schedule_id as "scheduleId", r.by_clock as "byClock", r.attempts,
      s.operation, s.dataset_name as "datasetName", s.input || r.input as input,
      (select o.event from outbox o where o.id = r.event_id) as event`.execute(tx)
  return rows
}

interface Worker {
  readonly services: Services
  readonly serving: Serving
}

export async function startRun({ services, serving }: Worker, run: DueRun, signal: AbortSignal): Promise<void> {
  const untraced: ServingCtx = { ...serviceCtx(services, run.tenantId, signal, run.id), serving }
  const span = services.tracer.start('schedule.run', {
    kind: 'consumer',
    parent: run.event ? traceContextOf(run.event) : undefined,
    attributes: { ...callerAttributes(untraced.caller), 'modelyard.schedule_id': run.scheduleId },
  })
  const ctx = within(untraced, span)
  try {
    if (run.byClock && (await isBusy(ctx, run))) {
      return await settle(ctx, run, { status: 'skipped', error: 'the job before it was still running' })
    }
    const input = await requestOf(ctx, run)
    const jobId = await submit(ctx, run.operation, input, run.id)
    await settle(ctx, run, { status: 'started', jobId })
  } catch (error) {
    span.failed(error)
    const { kind, code, message } = asFailure(error)
    const wait = PASSING.has(kind) ? PAUSES[run.attempts - 1] : undefined
    if (wait === undefined) ctx.log.warn({ err: error, run_id: run.id }, 'a scheduled job could not be started')
    await settle(ctx, run, { status: wait === undefined ? 'failed' : 'waiting', error: `${code}: ${message}`, wait })
  } finally {
    span.end()
  }
}

/** @returns the id of the job; the same one for the same run. */
export async function submit(
  ctx: ServingCtx,
  operation: ScheduledOperation,
  input: Fields,
  runId?: string,
): Promise<string> {
  checkRequest(operation, input, runId === undefined ? 'payload' : 'input')
  const own = runId?.slice(runId.indexOf('_') + 1)
  if (operation === 'models.train') {
    const request = structuredClone(input) as TrainRequest
    return (await submitTrainingAs(ctx, request, own ? `job_${own}` : newId('job'))).job_id
  }
  const request = structuredClone(input) as BatchRequest
  if (own === undefined) return (await submitBatch(ctx, request)).id
  const job_id = `batch_${own}`
  const known = await inTransaction(ctx, ({ db }) =>
    db.selectFrom('batch_jobs').select('id').where('id', '=', job_id).executeTakeFirst(),
  )
  return known?.id ?? (await submitBatch(ctx, { ...request, job_id })).id
}

/** Whether a job that the schedule started earlier has not ended. */
function isBusy(ctx: ServingCtx, { id, scheduleId }: DueRun): Promise<boolean> {
  return inTransaction(ctx, async ({ db }) => {
    const { rows } = await sql<{ busy: boolean }>`select exists (
      select from schedule_runs r where r.schedule_id = ${scheduleId} and r.id <> ${id} and (
        exists (select from training_jobs j where j.id = r.job_id and j.status in ('queued', 'running'))
        or exists (select from batch_jobs j where j.id = r.job_id and j.status in ('queued', 'running')))
    ) as busy`.execute(db)
    return rows[0]!.busy
  })
}

function requestOf(ctx: ServingCtx, { input, datasetName }: DueRun): Promise<Fields> {
  if (datasetName === null || 'dataset_id' in input) return Promise.resolve(input)
  return inTransaction(ctx, async (ctx) => ({ ...input, dataset_id: await newestDataset(ctx, datasetName) }))
}

async function newestDataset({ db }: TxCtx, name: string): Promise<string> {
  const row = await db
    .selectFrom('datasets')
    .select('id')
    .where('name', '=', name)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .executeTakeFirst()
  if (!row) throw fail('not_found', 'DATASET_NOT_FOUND', `There is no dataset named "${name}"`)
  return row.id
}

interface Outcome {
  readonly status: 'waiting' | 'started' | 'skipped' | 'failed'
  readonly jobId?: string
  readonly error?: string
  /** Seconds. */
  readonly wait?: number | undefined
}

async function settle(
  { db, metrics }: ServingCtx,
  run: DueRun,
  { status, jobId, error, wait }: Outcome,
): Promise<void> {
  if (status !== 'waiting') metrics.scheduleRuns.inc({ outcome: status })
  await db.system((tx) =>
    sql`update schedule_runs
      set status = ${status}, job_id = ${jobId ?? null}::text, error = ${error ?? null}::text,
        started_at = case when ${status}::text = 'started' then clock_timestamp() end,
        next_attempt_at = clock_timestamp() + make_interval(secs => ${wait ?? 0}::integer)
      where id = ${run.id} and attempts = ${run.attempts} and status = 'waiting'`.execute(tx),
  )
}
