// How a batch job ends: its state, an event, and the input that was made for it put away.
import { sql } from 'kysely'
import { fail, type MlError } from '../../core/failure.ts'
import { carried } from '../../core/trace.ts'
import { json, type Row, wake } from '../../ports/db/index.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { emit } from '../events.ts'
import { manifestKey, partKey } from './policy.ts'
import { type BatchManifest, type BatchRow, detailsOf, hasEnded, sourcesOf } from './store.ts'

export interface Ending {
  readonly status: 'succeeded' | 'failed' | 'cancelled'
  readonly failure?: MlError
}

const EVENT = { succeeded: 'ml.batch.completed', failed: 'ml.batch.failed', cancelled: 'ml.batch.cancelled' } as const

export type JobToEnd = Pick<BatchRow, 'id' | 'folder'>

/** Chunks that wait are dropped; those being worked on lose their claim. Undefined when the job has ended already, or is gone. */
export async function endJob(ctx: TxCtx, job: JobToEnd, ending: Ending): Promise<BatchRow | undefined> {
  const row = await markEnded(ctx, job, ending)
  if (!row) return undefined
  await ctx.db.deleteFrom('batch_chunks').where('job_id', '=', job.id).where('status', '!=', 'done').execute()
  await tell(ctx, row, ending)
  ctx.metrics.batchJobs.inc({ status: ending.status })
  return row
}

async function markEnded({ db }: TxCtx, job: JobToEnd, { status, failure }: Ending): Promise<BatchRow | undefined> {
  return await db
    .updateTable('batch_jobs')
    .set({
      status,
      finished_at: sql<Date>`clock_timestamp()`,
      ...(failure && { error: json({ code: failure.code, message: failure.message, details: failure.details }) }),
    })
    .where('id', '=', job.id)
    // One that was deleted may have been submitted again under its id.
    .where('folder', '=', job.folder)
    .where('status', 'in', ['queued', 'running'])
    .returningAll()
    .executeTakeFirst()
}

async function tell(ctx: TxCtx, row: BatchRow, { status, failure }: Ending): Promise<void> {
  wake(ctx.db, 'progress')
  // Events carry the request and the person that asked for the job, not the worker.
  const { requestId, actor, trace } = detailsOf(row)
  const span = ctx.span.context ? ctx.span : carried(trace)
  await emit(
    { ...ctx, caller: { ...ctx.caller, requestId, actor }, span },
    {
      type: EVENT[status],
      subject: row.id,
      data: {
        model_id: row.model_id,
        version: row.version,
        job_id: row.id,
        input_count: row.input_count,
        processed_count: row.processed_count,
        failed_count: row.failed_count,
        ...(failure && { error_code: failure.code, message: failure.message }),
      },
    },
  )
}

/** A job of which every chunk is done, and that only lacks its end. */
export interface DoneJob {
  readonly job: BatchRow
  readonly chunks: readonly Pick<Row<'batch_chunks'>, 'index' | 'attempt' | 'rows' | 'result_bytes'>[]
}

/** Statements that `findDone` sends, without waiting in between. */
export const TO_FIND_DONE = 2

/** Undefined for any other job. */
export async function findDone(ctx: TxCtx, jobId: string): Promise<DoneJob | undefined> {
  const [job, chunks] = await Promise.all([
    ctx.db.selectFrom('batch_jobs').selectAll().where('id', '=', jobId).executeTakeFirst(),
    ctx.db
      .selectFrom('batch_chunks')
      .select(['index', 'attempt', 'rows', 'result_bytes'])
      .where('job_id', '=', jobId)
      .orderBy('index')
      .execute(),
  ])
  return !job || hasEnded(job.status) || job.done_count < job.chunk_count ? undefined : { job, chunks }
}

/**
 * The manifest first, then the state. Whoever finds such a job may call this, also twice at once: the manifest is the same, and only
 * one of them finds the job still open.
 */
export async function finishJob(ctx: Ctx, { job, chunks }: DoneJob): Promise<void> {
  const { classes, predictionDtype } = detailsOf(job)
  const manifest: BatchManifest = {
    job_id: job.id,
    model_id: job.model_id,
    version: job.version,
    classes,
    prediction_dtype: predictionDtype,
    rows: job.input_count,
    parts: chunks.map(({ index, attempt, rows, result_bytes }) => ({
      key: partKey(job.folder, index, attempt),
      rows,
      bytes: result_bytes ?? 0,
    })),
  }
  // Meanwhile: no chunk of it will ever be read again.
  const away = putInputAway(ctx, job)
  try {
    await ctx.objects.put(manifestKey(job.folder), Buffer.from(JSON.stringify(manifest)), { signal: ctx.signal })
    await succeed(ctx, job)
  } finally {
    await away
  }
}

/** Its event is written along with its state, for all of it is known; of a job that has ended already neither is kept. */
async function succeed(ctx: Ctx, job: BatchRow): Promise<void> {
  const ending = { status: 'succeeded' } as const
  const both = inTransaction(ctx, async (ctx) => {
    // The state first, as in a cancellation: otherwise the two could wait for each other.
    const [ended] = await Promise.all([markEnded(ctx, job, ending), tell(ctx, job, ending)])
    if (!ended) throw ENDED_BEFORE
    ctx.metrics.batchJobs.inc(ending)
  })
  await both.catch((error: unknown) => {
    if (error !== ENDED_BEFORE) throw error
  })
}

/** Thrown to roll back. */
const ENDED_BEFORE = fail('conflict', 'JOB_ENDED', 'The job has ended already')

/** Fails quietly: what is left goes with the job. */
export async function putInputAway({ objects, log }: Pick<Ctx, 'objects' | 'log'>, job: BatchRow): Promise<void> {
  const keys = sourcesOf(job).flatMap(({ key, own }) => (own ? [key] : []))
  await objects.delete(keys).catch((error: unknown) => log.warn({ err: error, job_id: job.id }, 'left-over input'))
}
