// Which batches a worker is handed in one message. To hand one over and to hear of its end takes some fifty microseconds of two threads that wake
// each other, and between the two the worker waits for a turn of the event loop: of very short runs, as among hundreds of small models, that is most.
import type { Batch, Bundle, RunJob } from './job.ts'
import { bytesOf } from './row.ts'

/** A batch that is expected to take longer is handed over by itself. */
const SHORT_MS = 0.2
/** Nobody is held up by a bundle that takes no longer. */
const SUM_MS = 1
const MOST_BATCHES = 16
/** Of one request; larger ones take long to copy. */
const MOST_BYTES = 16 * 1024

/** The first and what is taken behind it; `take` gives the next batch if its first run is accepted. */
export function gather(first: Batch, take: (accepts: (run: RunJob) => boolean) => Batch | undefined): Bundle {
  const batches: [Batch, ...Batch[]] = [first]
  let ms = first.model.pace.runMs
  const accepts = (run: RunJob) => isShort(run) && ms + run.model.pace.runMs <= SUM_MS
  while (isShort(first.jobs[0]) && batches.length < MOST_BATCHES) {
    const batch = take(accepts)
    if (batch === undefined) break
    batches.push(batch)
    ms += batch.model.pace.runMs
  }
  return { kind: 'run', batches }
}

/** What has failed before runs alone. */
function isShort({ model, single, feeds }: RunJob): boolean {
  const { runMs } = model.pace
  return runMs > 0 && runMs <= SHORT_MS && !model.bulky && !single && bytesOf(feeds) <= MOST_BYTES
}
