// A running job's progress on its way into the database, and a request to cancel on its way out. Written at most twice a
// second, and once a second even when nothing is reported, which is also the job's sign of life.
import type { Trial } from '../../contract/evaluation.ts'
import { wake } from '../../ports/db/index.ts'
import type { Ctx } from '../ctx.ts'
import { inTransaction } from '../ctx.ts'
import { emit } from '../events.ts'
import type { TrainingProgress } from './pipeline/spec.ts'
import type { JobRow } from './store.ts'
import { storeTrials } from './trials.ts'

const LOOK_EVERY_MS = 500

export interface ProgressWatch {
  readonly report: (progress: TrainingProgress) => void
  /** Resolves once everything reported so far is written, as far as the database lets it. */
  readonly flush: () => Promise<void>
  /** Fires when somebody asked to cancel, or another worker has taken the job over. */
  readonly cancelled: AbortSignal
  readonly stop: () => void
}

export function followProgress(ctx: Ctx, job: JobRow): ProgressWatch {
  const controller = new AbortController()
  let latest: TrainingProgress | undefined
  let written: TrainingProgress | undefined
  const trials: Trial[] = []
  let again = false
  let looking: Promise<void> | undefined
  const look = (): Promise<void> => {
    again = true
    looking ??= lookWhileAsked().finally(() => {
      looking = undefined
    })
    return looking
  }
  const lookWhileAsked = async () => {
    try {
      while (again && !controller.signal.aborted) {
        again = false
        const progress = latest
        const told = trials.slice()
        const report = { progress, newStage: progress?.stage !== written?.stage, trials: told }
        if (!(await write(ctx, job, report))) controller.abort()
        written = progress
        trials.splice(0, told.length)
      }
    } catch (error) {
      // The database may be away for a while; the training itself goes on.
      ctx.log.debug({ err: error, job_id: job.id }, 'progress could not be written')
    }
  }
  const timer = setInterval(() => void look(), LOOK_EVERY_MS)
  const unsubscribe = ctx.db.onWake('jobs', () => void look())
  return {
    report: (progress) => {
      latest = progress
      if (progress.trial) trials.push(progress.trial)
    },
    flush: look,
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
  readonly trials: readonly Trial[]
}

/** False when the job is to be stopped: cancelled, ended, or run by somebody else. */
function write(ctx: Ctx, job: JobRow, { progress, newStage, trials }: Report): Promise<boolean> {
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
      .returningAll()
      .executeTakeFirst()
    if (!row || row.cancel_requested) return false
    await storeTrials(ctx, row, trials)
    if (trials.length > 0) wake(ctx.db, 'progress')
    if (progress && newStage) {
      const { trial: _, ...stand } = progress
      const data = { model_id: job.model_id, version: job.version, job_id: job.id, ...stand }
      await emit(ctx, { type: 'ml.training.progress', subject: job.id, data })
    }
    return true
  })
}
