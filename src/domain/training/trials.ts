// The configurations a job has tried, as rows: they are what a job that was interrupted goes on from, and what its followers
// are told.
import type { Trial } from '../../contract/evaluation.ts'
import { json } from '../../ports/db/index.ts'
import type { TxCtx } from '../ctx.ts'
import { emit } from '../events.ts'
import type { JobRow } from './store.ts'

export async function storeTrials(ctx: TxCtx, job: JobRow, trials: readonly Trial[]): Promise<void> {
  for (const trial of trials) {
    const { numInsertedOrUpdatedRows: inserted } = await ctx.db
      .insertInto('training_trials')
      .values({
        job_id: job.id,
        tenant_id: job.tenant_id,
        attempt: job.attempt,
        number: trial.number,
        trial: json(trial),
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow()
    if (inserted === 0n) continue
    const { model_id, version, progress, stage, message } = job
    const data = { model_id, version, job_id: job.id, progress, stage, message, trial }
    await emit(ctx, { type: 'ml.training.progress', subject: job.id, data })
  }
}

/** In the order in which they were tried. */
export async function finishedTrials(ctx: TxCtx, jobId: string): Promise<Trial[]> {
  return (await trialRows(ctx, jobId, 0)).map(({ trial }) => trial)
}

export interface StoredTrial {
  readonly seq: number
  readonly trial: Trial
}

/** Those after the one with number `after` in the order of storing. */
export function trialRows(ctx: TxCtx, jobId: string, after: number): Promise<StoredTrial[]> {
  return ctx.db
    .selectFrom('training_trials')
    .select(['seq', 'trial'])
    .where('job_id', '=', jobId)
    .where('seq', '>', after)
    .orderBy('seq')
    .execute()
}
