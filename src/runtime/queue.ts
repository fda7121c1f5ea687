// The runs that wait for a seat, by priority and then oldest first. Bounded: a queue longer than the patience of its callers only makes
// every answer late.
import type { MlError } from '../core/failure.ts'
import type { PoolModel, RunJob } from './job.ts'
import { abortedFailure, overloadedFailure } from './refusals.ts'

export class RunQueue {
  readonly #limit: number
  #jobs: RunJob[] = []
  /** How to stop listening for the abort of a waiting job. */
  readonly #detach = new Map<RunJob, () => void>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get length(): number {
    return this.#jobs.length
  }

  /**
   * Appends a job; `aborted` is called, and the job is gone, when `signal` fires while it waits.
   *
   * @throws MlError `unavailable` OVERLOADED when the queue is full.
   */
  add(job: RunJob, signal: AbortSignal | undefined, aborted: (failure: MlError) => void): void {
    if (this.#jobs.length >= this.#limit) {
      throw overloadedFailure()
    }
    const before = this.#jobs.findLastIndex((waiting) => waiting.priority <= job.priority)
    this.#jobs.splice(before + 1, 0, job)
    if (signal === undefined) return
    const onAbort = () => {
      this.#take((waiting) => waiting === job)
      aborted(abortedFailure())
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#detach.set(job, () => signal.removeEventListener('abort', onAbort))
  }

  /** Puts a job that lost its worker back in front. */
  putBack(job: RunJob): void {
    this.#jobs.unshift(job)
  }

  /** Takes the oldest job whose model is among `held`. */
  takeFor(held: ReadonlySet<PoolModel>): RunJob | undefined {
    const index = this.#jobs.findIndex((job) => held.has(job.model))
    if (index < 0) return undefined
    const job = index === 0 ? this.#jobs.shift()! : this.#jobs.splice(index, 1)[0]!
    this.#release(job)
    return job
  }

  /** The oldest waiting job's model that passes. */
  findModel(wanted: (model: PoolModel) => boolean): PoolModel | undefined {
    return this.#jobs.find((job) => wanted(job.model))?.model
  }

  takeExpired(nowMs: number): RunJob[] {
    return this.#take((job) => nowMs >= job.deadline)
  }

  takeAllOf(model: PoolModel): RunJob[] {
    return this.#take((job) => job.model === model)
  }

  takeAll(): RunJob[] {
    return this.#take(() => true)
  }

  #take(wanted: (job: RunJob) => boolean): RunJob[] {
    const taken = this.#jobs.filter(wanted)
    if (taken.length === 0) return taken
    this.#jobs = this.#jobs.filter((job) => !wanted(job))
    for (const job of taken) this.#release(job)
    return taken
  }

  #release(job: RunJob): void {
    const detach = this.#detach.get(job)
    if (detach === undefined) return
    detach()
    this.#detach.delete(job)
  }
}
