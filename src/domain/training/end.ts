// How a job that did not produce a version ends: job and version say why, and an event tells it.
import type { MlError } from '../../core/failure.ts'
import { json, wake } from '../../ports/db/index.ts'
import type { TxCtx } from '../ctx.ts'
import { emit } from '../events.ts'
import type { JobRow } from './store.ts'

export interface Ending {
  readonly status: 'failed' | 'cancelled'
  readonly message: string
  readonly failure?: MlError
}

export async function endJob(ctx: TxCtx, job: JobRow, { status, message, failure }: Ending): Promise<JobRow> {
  const error = failure
    ? json({ code: failure.code, message: failure.message, details: failure.details })
    : json({ code: 'CANCELLED', message })
  const row = await ctx.db
    .updateTable('training_jobs')
    .set({ status, message, stage: status, finished_at: ctx.clock.now(), ...(failure && { error }) })
    .where('id', '=', job.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  wake(ctx.db, 'progress')
  await ctx.db
    .updateTable('model_versions')
    .set({ status: 'failed', error })
    .where('model_id', '=', job.model_id)
    .where('version', '=', job.version)
    .where('status', '=', 'training')
    .execute()
  await emit(ctx, {
    type: status === 'failed' ? 'ml.training.failed' : 'ml.training.cancelled',
    subject: job.id,
    data: {
      model_id: job.model_id,
      version: job.version,
      job_id: job.id,
      message,
      ...(failure && { error_code: failure.code }),
    },
  })
  ctx.metrics.trainingJobs.inc({ status })
  return row
}
