// Following a job as server-sent events. The database row is the truth; a wake-up only makes the next look come sooner, so
// it does not matter on which replica the worker runs.
import type { StreamedEvent } from '../../contract/operation.ts'
import type { Input } from '../../contract/operations/index.ts'
import type { TrainingJob } from '../../contract/training.ts'
import { pause } from '../../core/backoff.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { getJob } from './jobs.ts'
import { hasEnded } from './store.ts'
import { type StoredTrial, trialRows } from './trials.ts'

const LOOK_EVERY_MS = 500

/** The first look happens before the stream begins, so an unknown job is a 404 and not an empty stream. */
export async function followJob(ctx: Ctx, input: Input<'training_jobs.events'>): Promise<AsyncIterable<StreamedEvent>> {
  const first = await getJob(ctx, input)
  return follow(ctx, first)
}

function trialsAfter(ctx: Ctx, job: TrainingJob, after: number): Promise<StoredTrial[]> {
  return inTransaction(ctx, (ctx) => trialRows(ctx, job.id, after))
}

async function* follow(ctx: Ctx, first: TrainingJob): AsyncGenerator<StreamedEvent> {
  let woken = new AbortController()
  const unsubscribe = ctx.db.onWake('jobs', () => woken.abort())
  let job = first
  let shown = ''
  let told = 0
  try {
    while (!ctx.signal.aborted) {
      for (const { seq, trial } of await trialsAfter(ctx, job, told)) {
        told = seq
        yield { event: 'trial', data: { ...job, trial } }
      }
      const state = JSON.stringify(job)
      if (state !== shown) yield { event: hasEnded(job.status) ? job.status : 'progress', data: job }
      if (hasEnded(job.status)) return
      shown = state
      await pause(LOOK_EVERY_MS, AbortSignal.any([ctx.signal, woken.signal]))
      if (woken.signal.aborted) woken = new AbortController()
      job = await getJob(ctx, { job_id: job.id })
    }
  } finally {
    unsubscribe()
  }
}
