import type { TrainingJob } from '../../contract/training.ts'
import { notFound } from '../../core/failure.ts'
import type { Row } from '../../ports/db/index.ts'
import type { TxCtx } from '../ctx.ts'

export type JobRow = Row<'training_jobs'>

/** @throws `not_found` TRAINING_JOB_NOT_FOUND, also for a job of another tenant. */
export async function getJobRow(ctx: TxCtx, id: string): Promise<JobRow> {
  const row = await ctx.db.selectFrom('training_jobs').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw notFound('training job', id)
  return row
}

/** The same, held until the transaction ends: a decision by what the row says must not meet another one half-way. */
export async function lockJobRow(ctx: TxCtx, id: string): Promise<JobRow> {
  const row = await ctx.db.selectFrom('training_jobs').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
  if (!row) throw notFound('training job', id)
  return row
}

export function jobDocument(row: JobRow): TrainingJob {
  return {
    id: row.id,
    model_id: row.model_id,
    version: row.version,
    dataset_id: row.dataset_id,
    hyperparameters: row.hyperparameters,
    status: row.status,
    progress: row.progress,
    stage: row.stage,
    message: row.message,
    ...(row.error !== null && { error: row.error.message }),
    created_at: row.created_at.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
    finished_at: row.finished_at?.toISOString() ?? null,
  }
}

export function hasEnded(status: JobRow['status']): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled'
}
