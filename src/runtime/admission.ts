// Whether a run is let into the queue: not if it would wait longer, by estimate, than its caller or the service has patience
// for. Said at once, a refusal costs both sides nothing; said after the wait, the whole wait. Where nothing is known yet (no
// worker has the model, no rush was measured) nobody is refused.
import type { RunJob } from './job.ts'
import { overloadedFailure } from './refusals.ts'
import type { Seat } from './seat.ts'

/** What is known when a run comes. */
export interface Rush {
  /** Worker time that will be spent before it on what waits, in milliseconds. */
  readonly aheadMs: number
  readonly seats: readonly Seat[]
  /** Longest wait the service allows. */
  readonly maxWaitMs: number
  readonly nowMs: number
}

/** Of a slow model a few may wait, however long that takes: only their deadlines count. */
const BATCHES_ALLOWED = 8

/** @throws MlError `unavailable` OVERLOADED */
export function refuseLate(job: RunJob, rush: Rush): void {
  const waitMs = refusedWaitMs(job, rush)
  if (waitMs !== undefined) throw overloadedFailure(waitMs)
}

/** Until the answer, where the run is refused. */
export function refusedWaitMs(
  { model, timeoutMs, size }: Pick<RunJob, 'model' | 'timeoutMs' | 'size'>,
  { aheadMs, seats, maxWaitMs, nowMs }: Rush,
): number | undefined {
  let workers = 0
  let inHandMs = 0
  for (const seat of seats) {
    if (!seat.ready || seat.leaving || !seat.held.has(model)) continue
    workers++
    inHandMs += remainingMs(seat, nowMs)
  }
  if (workers === 0) return undefined
  const { drain } = model
  const queuedMs = aheadMs / workers
  const allowedMs = Math.max(maxWaitMs, BATCHES_ALLOWED * drain.batchMs(nowMs))
  const answeredMs = (aheadMs + inHandMs) / workers + size * drain.rowMs(nowMs)
  return queuedMs > allowedMs || answeredMs > timeoutMs ? answeredMs : undefined
}

function remainingMs({ job, startedAt }: Seat, nowMs: number): number {
  if (job?.kind !== 'run') return 0
  let ms = 0
  for (const { model, jobs } of job.batches) for (const { size } of jobs) ms += size * model.drain.rowMs(nowMs)
  return Math.max(0, ms - (nowMs - startedAt))
}
