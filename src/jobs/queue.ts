// The job queue: jobs are rows beside the data they are about, put there in the caller's transaction, so that neither
// exists without the other. pg-boss keeps the rows (queue-engine.ts); the leases and the workers are ours.
import { backoffMs, pause } from '../core/backoff.ts'
import { fail } from '../core/failure.ts'
import type { Log } from '../core/log.ts'
import { asSystem, type Database, type Tx, wake } from '../ports/db/index.ts'
import type { createEngine as CreateEngine, Engine } from './queue-engine.ts'
import { startWorking } from './queue-worker.ts'
import type { QueueName } from './queues.ts'

export interface NewJob {
  readonly id: string
  readonly tenantId: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface EnqueueOptions {
  /** Higher goes first; default 0. */
  readonly priority?: number
  /** How often a job whose worker died or whose handler threw is run again; default 2. */
  readonly retryLimit?: number
  /** Longest time one attempt may run; at most and by default a day. */
  readonly expireSeconds?: number
  /** Pause before the first retry after a failure, twice as long before each further one; default 0. */
  readonly retryDelaySeconds?: number
}

export interface Job extends NewJob {
  /** 1 for the first. */
  readonly attempt: number
  /** Fires when the job is cancelled, its time is up, the queue stops, or another worker has taken it over. */
  readonly signal: AbortSignal
}

export interface WorkOptions {
  /** Jobs of this queue that run at the same time in this process. */
  readonly concurrency: number
  /** A worker that has not been heard of for this long has lost its job; default 30. */
  readonly leaseSeconds?: number
  /** The floor under the wake-ups; default half a second, or more where none is lost. */
  readonly pollMs?: number
  /** Told before a job is given up after its last attempt. May be told twice; throwing makes it be told again. */
  readonly onDead?: (job: NewJob, error: Error) => Promise<void>
}

export interface Subscription {
  /** Takes no more jobs and waits for those that run; when the time is up they are aborted and handed back. */
  close(options?: StopOptions): Promise<void>
}

export interface StopOptions {
  /** Time for running jobs to end by themselves; 0 aborts them at once. Default 0. */
  readonly timeoutMs?: number
}

export interface QueueDepth {
  readonly waiting: number
  readonly active: number
  /** Age of the job that has waited longest; 0 if none waits. */
  readonly oldestSeconds: number
}

export interface Queue {
  /** Begins; resolves once the database has been reached, however long that takes. */
  start(): Promise<void>
  /**
   * To be awaited ahead of the transaction in which something is enqueued: just after a start the queue is a moment behind the
   * rest of the service. @throws `unavailable` `QUEUE_NOT_READY` when it is not there in time (default 5 s).
   */
  untilReady(limitMs?: number): Promise<void>
  /**
   * In the caller's transaction, under the service's own role.
   * @throws `unavailable` `QUEUE_NOT_READY` before the database was first reached; `conflict` `JOB_EXISTS`.
   */
  enqueue(tx: Tx, queue: QueueName, job: NewJob, options?: EnqueueOptions): Promise<void>
  /**
   * Runs `handler` for each job; when it throws, the job is run again until its retries are used up. A job may run
   * twice (a worker that was cut off and came back), so the handler must be able to repeat its work.
   */
  work(queue: QueueName, handler: (job: Job) => Promise<void>, options: WorkOptions): Subscription
  /** Takes the job out of the queue, or tells its worker to stop. Does nothing to a job that has ended. */
  cancel(tx: Tx, queue: QueueName, jobId: string): Promise<void>
  depth(): Promise<Readonly<Record<QueueName, QueueDepth>>>
  stop(options?: StopOptions): Promise<void>
}

export interface QueueOptions {
  readonly db: Database
  readonly log: Log
}

/** Imported late, because the first prediction after a start does not wait for the queue. */
async function makeEngine(...given: Parameters<typeof CreateEngine>): Promise<Engine> {
  return (await import('./queue-engine.ts')).createEngine(...given)
}

const READY_LIMIT_MS = 5_000

export function openQueue({ db, log }: QueueOptions): Queue {
  const stopping = new AbortController()
  const subscriptions = new Set<Subscription>()
  let started: Promise<void> | undefined
  const reached = Promise.withResolvers<void>()
  let ready: Engine | undefined

  async function startPatiently(): Promise<void> {
    const engine = await makeEngine(db, (error) => log.warn({ err: error }, 'job queue: background work failed'))
    for (let attempt = 0; !stopping.signal.aborted; attempt++) {
      try {
        await engine.start()
        ready = engine
        reached.resolve()
        return
      } catch (error) {
        log.warn({ err: error, attempt }, 'job queue: the database is not ready, trying again')
        await pause(backoffMs(attempt, { initialMs: 100, maxMs: 5000 }), stopping.signal)
      }
    }
  }

  function start(): Promise<void> {
    started ??= startPatiently()
    return started
  }

  function readyEngine(): Engine {
    if (ready) return ready
    throw fail('unavailable', 'QUEUE_NOT_READY', 'The job queue is not ready yet', { retryAfterSeconds: 1 })
  }

  return {
    start,
    async untilReady(limitMs = READY_LIMIT_MS) {
      const late = new AbortController()
      if (!ready) await Promise.race([reached.promise, pause(limitMs, AbortSignal.any([late.signal, stopping.signal]))])
      late.abort()
      readyEngine()
    },
    async enqueue(tx, queue, job, options = {}) {
      const added = await asSystem(tx, () => readyEngine().add(tx, queue, job, options))
      if (!added) throw fail('conflict', 'JOB_EXISTS', `Job "${job.id}" is already in the queue`)
      wake(tx, 'jobs')
    },
    work(queue, handler, options) {
      const subscription = startWorking({ queue, handler, options, engine: readyEngine, db, log, started: start() })
      subscriptions.add(subscription)
      return subscription
    },
    async cancel(tx, queue, jobId) {
      await asSystem(tx, () => readyEngine().cancel(tx, queue, jobId))
      wake(tx, 'jobs')
    },
    depth: () => readyEngine().depth(),
    async stop(options) {
      stopping.abort()
      await Promise.all([...subscriptions].map((subscription) => subscription.close(options)))
      await started
      await ready?.stop()
      ready = undefined
    },
  }
}
