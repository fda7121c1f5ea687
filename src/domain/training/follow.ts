// Following a training job as server-sent events.
import type { StreamedEvent } from '../../contract/operation.ts'
import type { Input } from '../../contract/operations/index.ts'
import type { TrainingJob } from '../../contract/training.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { looks } from '../looks.ts'
import { getJob } from './jobs.ts'
import { hasEnded } from './store.ts'
import { type StoredTrial, trialRows } from './trials.ts'

/** The first look happens before the stream begins, so an unknown job is a 404 and not an empty stream. */
export async function followJob(ctx: Ctx, input: Input<'training_jobs.events'>): Promise<AsyncIterable<StreamedEvent>> {
  const first = await getJob(ctx, input)
  return follow(ctx, first)
}

function trialsAfter(ctx: Ctx, job: TrainingJob, after: number): Promise<StoredTrial[]> {
  return inTransaction(ctx, (ctx) => trialRows(ctx, job.id, after))
}

async function* follow(ctx: Ctx, first: TrainingJob): AsyncGenerator<StreamedEvent> {
  let job: TrainingJob | undefined = first
  let shown = ''
  let told = 0
  for await (const _ of looks(ctx)) {
    job ??= await getJob(ctx, { job_id: first.id })
    for (const { seq, trial } of await trialsAfter(ctx, job, told)) {
      told = seq
      yield { event: 'trial', data: { ...job, trial } }
    }
    const state = JSON.stringify(job)
    if (state !== shown) yield { event: hasEnded(job.status) ? job.status : 'progress', data: job }
    if (hasEnded(job.status)) return
    shown = state
    job = undefined
  }
}
