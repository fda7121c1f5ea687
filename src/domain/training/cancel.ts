// Cancelling: a queued job ends at once; a running one is asked to stop, and its worker does the rest. Its entry stays in the
// queue: should the worker have died, the next one to take the job up finds the request and ends the job in its place.
import type { Input } from '../../contract/operations/index.ts'
import type { TrainingJob } from '../../contract/training.ts'
import { fail } from '../../core/failure.ts'
import { wake } from '../../ports/db/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { endJob } from './end.ts'
import { hasEnded, jobDocument, lockJobRow } from './store.ts'

export function cancelJob(ctx: Ctx, input: Input<'training_jobs.cancel'>): Promise<TrainingJob> {
  return inTransaction(ctx, async (ctx) => {
    const job = await lockJobRow(ctx, input.job_id)
    if (hasEnded(job.status)) throw fail('conflict', 'JOB_ENDED', `Job ${job.id} has already ${ENDED[job.status]}`)
    const row = await ctx.db
      .updateTable('training_jobs')
      .set({ cancel_requested: true })
      .where('id', '=', job.id)
      .returningAll()
      .executeTakeFirstOrThrow()
    if (row.status !== 'queued') {
      wake(ctx.db, 'jobs')
      return jobDocument(row)
    }
    await ctx.queue.cancel(ctx.db, 'training', job.id)
    return jobDocument(await endJob(ctx, row, { status: 'cancelled', message: 'Cancelled before it began' }))
  })
}

const ENDED: Readonly<Record<string, string>> = {
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'been cancelled',
}
