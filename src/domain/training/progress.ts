// A running job's progress on its way into the database, and a request to cancel on its way out. Written at most twice a
// second, and once a second even when nothing is reported, which is also the job's sign of life.
import type { Ctx } from '../ctx.ts'
import { inTransaction } from '../ctx.ts'
import { emit } from '../events.ts'
import type { TrainingProgress } from './pipeline/spec.ts'
import type { JobRow } from './store.ts'

const LOOK_EVERY_MS = 500

export interface ProgressWatch {
  readonly report: (progress: TrainingProgress) => void
  /** Fires when somebody asked to cancel, or another worker has taken the job over. */
  readonly cancelled: AbortSignal
  readonly stop: () => void
}

export function followProgress(ctx: Ctx, job: JobRow): ProgressWatch {
  const controller = new AbortController()
  let latest: TrainingProgress | undefined
  let written: TrainingProgress | undefined
  let writing = false
  let again = false
  const look = async () => {
    if (writing) {
      again = true
      return
    }
    writing = true
    try {
      do {
        again = false
        const progress = latest
        if (!(await write(ctx, job, { progress, newStage: progress?.stage !== written?.stage }))) controller.abort()
        written = progress
      } while (again && !controller.signal.aborted)
    } catch (error) {
      // The database may be away for a while; the training itself goes on.
      ctx.log.debug({ err: error, job_id: job.id }, 'progress could not be written')
    } finally {
      writing = false
    }
  }
  const timer = setInterval(look, LOOK_EVERY_MS)
  const unsubscribe = ctx.db.onWake('jobs', () => void look())
  return {
    report: (progress) => {
      latest = progress
    },
    cancelled: controller.signal,
    stop: () => {
      clearInterval(timer)
      unsubscribe()
    },
  }
}

interface Report {
  readonly progress: TrainingProgress | undefined
  readonly newStage: boolean
}

/** False when the job is to be stopped: cancelled, ended, or run by somebody else. */
function write(ctx: Ctx, job: JobRow, { progress, newStage }: Report): Promise<boolean> {
  return inTransaction(ctx, async (ctx) => {
    const row = await ctx.db
      .updateTable('training_jobs')
      .set({
        heartbeat_at: ctx.clock.now(),
        ...(progress && { progress: progress.progress, stage: progress.stage, message: progress.message }),
      })
      .where('id', '=', job.id)
      .where('attempt', '=', job.attempt)
      .where('status', '=', 'running')
      .returning('cancel_requested')
      .executeTakeFirst()
    if (!row || row.cancel_requested) return false
    if (progress && newStage) {
      const data = { model_id: job.model_id, version: job.version, job_id: job.id, ...progress }
      await emit(ctx, { type: 'ml.training.progress', subject: job.id, data })
    }
    return true
  })
}
