// Following a batch job as server-sent events.
import type { BatchJob } from '../../contract/batch.ts'
import type { StreamedEvent } from '../../contract/operation.ts'
import type { Input } from '../../contract/operations/index.ts'
import type { Ctx } from '../ctx.ts'
import { looks } from '../looks.ts'
import { getBatchJob } from './jobs.ts'
import { hasEnded } from './store.ts'

/** The first look happens before the stream begins, so an unknown job is a 404 and not an empty stream. */
export async function followBatchJob(
  ctx: Ctx,
  input: Input<'batch_jobs.events'>,
): Promise<AsyncIterable<StreamedEvent>> {
  return follow(ctx, await getBatchJob(ctx, input))
}

async function* follow(ctx: Ctx, first: BatchJob): AsyncGenerator<StreamedEvent> {
  let shown = ''
  let job: BatchJob | undefined = first
  for await (const _ of looks(ctx)) {
    job ??= await getBatchJob(ctx, { job_id: first.id })
    // Speed and remaining time change with every look; they are no news by themselves.
    const state = `${job.status} ${job.processed_count}`
    if (state !== shown) yield { event: hasEnded(job.status) ? job.status : 'progress', data: job }
    if (hasEnded(job.status)) return
    shown = state
    job = undefined
  }
}
