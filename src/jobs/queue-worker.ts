// Runs jobs of one queue: claims them, keeps the claims alive, settles them, and takes over what other workers abandoned.
// A claim that was lost (cancelled, taken over, database out of reach for longer than the lease) aborts its handler.
import { backoffMs, pause } from '../core/backoff.ts'
import { systemClock } from '../core/clock.ts'
import { fail } from '../core/failure.ts'
import type { Log } from '../core/log.ts'
import { startLoop, type Turn } from '../core/loop.ts'
import { type Database, pollMs } from '../ports/db/index.ts'
import type { Job, StopOptions, Subscription, WorkOptions } from './queue.ts'
import type { Claim, Engine } from './queue-engine.ts'
import type { QueueName } from './queues.ts'

export interface Assignment {
  readonly queue: QueueName
  readonly handler: (job: Job) => Promise<void>
  readonly options: WorkOptions
  /** Asked once `started` has resolved. */
  readonly engine: () => Engine
  readonly db: Database
  readonly log: Log
  /** Resolves when the engine can be used. */
  readonly started: Promise<void>
}

interface Run {
  readonly abort: AbortController
  readonly ended: Promise<void>
}

const ABORT_GRACE_MS = 10_000
const POLL_MS = 500

export function startWorking({ queue, handler, options, engine, db, log, started }: Assignment): Subscription {
  const { concurrency, leaseSeconds = 30, onDead } = options
  const restMs = options.pollMs ?? pollMs(db, POLL_MS)
  const leaseMs = leaseSeconds * 1000
  const runs = new Set<Run>()
  const stopping = new AbortController()
  let stopped: Promise<void> | undefined

  async function takeJobs({ idle }: Turn): Promise<void> {
    await started
    const free = concurrency - runs.size
    const claims = free > 0 ? await engine().claim(queue, free) : []
    // Told to stop while the answer was on its way: nobody would wait for what is begun now.
    if (stopping.signal.aborted) await Promise.all(claims.map((claim) => engine().release(queue, claim)))
    else for (const claim of claims) begin(claim)
    if (claims.length < free || free === 0) await idle(restMs)
  }

  function begin(claim: Claim): void {
    const abort = new AbortController()
    const ended = run(claim, abort)
      .catch((error: unknown) => log.error({ err: error, queue, job_id: claim.job.id }, 'job queue: settling failed'))
      .finally(() => {
        runs.delete(own)
        taking.wake()
      })
    // Not by the job: one that was lost and claimed again may run beside its first run, which is still ending.
    const own: Run = { abort, ended }
    runs.add(own)
  }

  async function run(claim: Claim, abort: AbortController): Promise<void> {
    const timeout = setTimeout(() => abort.abort(expired(claim)), claim.expireSeconds * 1000)
    const stopBeating = keepAlive(claim, abort)
    let failure: Error | undefined
    try {
      await handler({ ...claim.job, attempt: claim.attempt, signal: abort.signal })
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
    } finally {
      clearTimeout(timeout)
    }
    try {
      await settle(claim, abort.signal, failure)
    } finally {
      stopBeating()
    }
  }

  /** Tries until it succeeds or the claim is lost; after that another worker repeats the job. */
  async function settle(claim: Claim, signal: AbortSignal, failure: Error | undefined): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        if (failure === undefined) return await engine().complete(queue, claim)
        if (stopping.signal.aborted && signal.aborted) return await engine().release(queue, claim)
        return await giveBack(claim, failure)
      } catch (error) {
        if (signal.aborted) throw error
        await pause(backoffMs(attempt, { initialMs: 100, maxMs: 2000 }), signal)
      }
    }
  }

  async function giveBack(claim: Claim, error: Error): Promise<void> {
    log.warn({ err: error, queue, job_id: claim.job.id, attempt: claim.attempt }, 'job queue: an attempt failed')
    if (claim.lastAttempt) await onDead?.(claim.job, error)
    await engine().fail(queue, claim, error)
  }

  /** Touches the claim four times a lease; returns the function that ends it. */
  function keepAlive(claim: Claim, abort: AbortController): () => void {
    let heldAt = systemClock.elapsedMs()
    let beating = false
    const beat = async () => {
      if (beating) return
      beating = true
      try {
        const lost = await engine().touch(queue, [claim])
        heldAt = systemClock.elapsedMs()
        if (lost.has(claim.key)) abort.abort(fail('conflict', 'JOB_LOST', 'The job was cancelled or taken over'))
      } catch {
        // The next beat tries again; how long that may go on is decided below.
      } finally {
        beating = false
      }
    }
    const timer = setInterval(() => {
      void beat()
      if (systemClock.elapsedMs() - heldAt < leaseMs) return
      abort.abort(fail('unavailable', 'JOB_LOST', 'The database was out of reach for too long'))
    }, leaseMs / 4)
    const unlisten = db.onWake('jobs', () => void beat()) // a cancellation is noticed at once
    return () => {
      clearInterval(timer)
      unlisten()
    }
  }

  async function takeOver({ idle }: Turn): Promise<void> {
    await started
    for (const claim of await engine().abandoned(queue, leaseSeconds)) {
      await giveBack(claim, fail('unavailable', 'JOB_ABANDONED', 'The worker of this job died'))
      taking.wake()
    }
    await idle(leaseMs / 4)
  }

  async function stop({ timeoutMs = 0 }: StopOptions = {}): Promise<void> {
    stopping.abort()
    const loopsEnded = Promise.all([taking.stop(), tending.stop()])
    const ended = Promise.all(Array.from(runs, ({ ended }) => ended))
    await within(ended, timeoutMs)
    for (const { abort } of runs) abort.abort(fail('unavailable', 'STOPPING', 'The service stops'))
    await within(ended, ABORT_GRACE_MS)
    await loopsEnded
  }

  const loopOptions = { log: log.child({ queue }), onFailure: 'job queue: cannot reach the jobs, trying again' }
  const taking = startLoop({ ...loopOptions, onWake: (wake) => db.onWake('jobs', wake) }, takeJobs)
  const tending = startLoop(loopOptions, takeOver)
  return {
    close(options) {
      stopped ??= stop(options)
      return stopped
    },
  }
}

/** Waits for the promise, but no longer than `ms`. */
async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  const done = new AbortController()
  await Promise.race([promise, pause(ms, done.signal)])
  done.abort()
}

function expired({ job, expireSeconds }: Claim) {
  return fail('unavailable', 'JOB_EXPIRED', `Job "${job.id}" ran for longer than ${expireSeconds} s`)
}
