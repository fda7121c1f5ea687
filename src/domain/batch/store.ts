import type { BatchJob, BatchRowError } from '../../contract/batch.ts'
import { notFound } from '../../core/failure.ts'
import type { TraceContext } from '../../core/trace.ts'
import type { Row } from '../../ports/db/index.ts'
import type { Reading } from '../../tables/index.ts'
import type { TxCtx } from '../ctx.ts'
import { MAX_ROW_ERRORS } from './policy.ts'

export type BatchRow = Row<'batch_jobs'>

/** A file that rows lie in: CSV or JSON lines, plain. */
export interface BatchSource {
  readonly key: string
  /** Made for this job, and deleted with it. */
  readonly own: boolean
  readonly reading: Reading
  /** Columns that the model does not know are left out; else they are refused. */
  readonly ignoresUnknown: boolean
}

export interface BatchManifest {
  readonly job_id: string
  readonly model_id: string
  readonly version: string
  /** Class names, for columns of probabilities. */
  readonly classes: readonly string[]
  readonly prediction_dtype: string
  readonly rows: number
  readonly parts: readonly BatchPart[]
}

export interface BatchPart {
  readonly key: string
  readonly rows: number
  readonly bytes: number
}

export interface BatchDetails {
  readonly requestId: string
  readonly actor: string
  /** Of the request that submitted it. */
  readonly trace?: TraceContext | undefined
  readonly classes: readonly string[]
  readonly predictionDtype: string
}

export function detailsOf(row: Pick<BatchRow, 'request'>): BatchDetails {
  return row.request as unknown as BatchDetails
}

export function sourcesOf(row: Pick<BatchRow, 'sources'>): readonly BatchSource[] {
  return row.sources as unknown as readonly BatchSource[]
}

/** @throws `not_found` BATCH_JOB_NOT_FOUND, also for a job of another tenant. */
export async function getBatchRow(ctx: TxCtx, id: string): Promise<BatchRow> {
  const row = await ctx.db.selectFrom('batch_jobs').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw notFound('batch job', id)
  return row
}

/** The same, and nobody else changes the job until the transaction ends. */
export async function lockBatchRow(ctx: TxCtx, id: string): Promise<BatchRow> {
  const row = await ctx.db.selectFrom('batch_jobs').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
  if (!row) throw notFound('batch job', id)
  return row
}

export async function rowErrors(ctx: TxCtx, id: string): Promise<BatchRowError[]> {
  const chunks = await ctx.db
    .selectFrom('batch_chunks')
    .select('row_errors')
    .where('job_id', '=', id)
    .where('failed_rows', '>', 0)
    .orderBy('index')
    .limit(MAX_ROW_ERRORS)
    .execute()
  return chunks.flatMap(({ row_errors }) => row_errors ?? []).slice(0, MAX_ROW_ERRORS)
}

export function hasEnded(status: BatchRow['status']): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled'
}

export function batchDocument(row: BatchRow, now: Date): BatchJob {
  const { started_at: started, finished_at: finished, input_count, processed_count } = row
  const seconds = started ? ((finished ?? now).getTime() - started.getTime()) / 1000 : 0
  const speed = seconds > 0 && processed_count > 0 ? processed_count / seconds : null
  const remaining = hasEnded(row.status) ? 0 : speed === null ? null : (input_count - processed_count) / speed
  return {
    id: row.id,
    model_id: row.model_id,
    version: row.version,
    status: row.status,
    input_count,
    processed_count,
    failed_count: row.failed_count,
    progress: input_count === 0 ? 1 : processed_count / input_count,
    rows_per_second: speed === null ? null : Math.round(speed * 10) / 10,
    remaining_seconds: remaining === null ? null : Math.round(remaining * 10) / 10,
    output_format: row.output_format,
    ...(row.error !== null && { error: row.error.message }),
    created_at: row.created_at.toISOString(),
    started_at: started?.toISOString() ?? null,
    finished_at: finished?.toISOString() ?? null,
  }
}
