// The runs from their acceptance to their end: made into jobs, gathered into batches, answered each with its own rows. A
// batch that fails is run again one by one, so that one bad request fails alone.
import type { Clock } from '../core/clock.ts'
import type { MlError } from '../core/failure.ts'
import { refusedWaitMs, refuseLate } from './admission.ts'
import { notePace, splitRows } from './batch.ts'
import { gather } from './bundle.ts'
import { fetchIndices, orderFeeds } from './feeds.ts'
import { type Batch, type Bundle, type Outcomes, type PoolModel, type RunJob, runMsOf } from './job.ts'
import { RunQueue } from './queue.ts'
import { abortedFailure, admit, fatalFailure, lateFailure, overloadedFailure } from './refusals.ts'
import { type Feeds, isRow, Row } from './row.ts'
import type { Seat } from './seat.ts'
import type { ModelInfo, PooledResult, RunOptions, Tensor, TensorInfo, Tensors } from './types.ts'

export interface RunsOptions {
  readonly maxQueue: number
  readonly batchRows: number
  readonly runTimeoutMs: number
  readonly maxWaitMs: number
  /** Workers are handed several short batches at once. */
  readonly bundles: boolean
  readonly clock: Clock
  readonly seats: () => readonly Seat[]
  /** The last accepted run of a retired model has ended. */
  readonly unneeded: (model: PoolModel) => void
}

export interface RunRequest {
  readonly model: PoolModel
  readonly info: ModelInfo
  readonly feeds: Tensors | Row
  readonly options: RunOptions
}

/** A job that saw this many workers die is to blame for it. */
export const MAX_DEATHS = 2
const DEFAULT_PRIORITY = 2
/** How long it is remembered that a model's callers have wishes of their own. */
const WISHES_MS = 600_000
/** Of the runs that would be refused unread one in so many is read all the same: it may have a wish. */
const READ_ANYWAY = 16
/** Larger requests gain nothing from company. */
const BATCH_BYTES = 1024 * 1024

export class Runs {
  readonly queue: RunQueue
  readonly #options: RunsOptions
  #refusedUnread = 0

  constructor(options: RunsOptions) {
    this.#options = options
    this.queue = new RunQueue(options.maxQueue, { rows: options.batchRows, bytes: BATCH_BYTES })
  }

  /** @throws MlError where the run cannot be taken on. */
  accept({ model, info, feeds: given, options }: RunRequest, settle: RunJob['settle']): RunJob {
    admit(model)
    const fetches = fetchIndices(info, options.fetches)
    const feeds = given instanceof Row ? given : orderFeeds(info, given)
    const rows = model.perRow ? rowsOf(feeds) : 0
    const limitMs = options.limitMs ?? this.#options.runTimeoutMs
    const timeoutMs = options.timeoutMs ?? limitMs
    const submittedAt = this.#options.clock.elapsedMs()
    const patient = options.patience !== undefined
    // What waits in any case comes from the service itself, and says nothing of what callers wish.
    if (!patient && options.priority) model.wishedAt = submittedAt
    return {
      model,
      tenant: options.tenant ?? '',
      feeds,
      fetches,
      outputs: outputsOf(info, fetches),
      rows,
      size: rows || 1,
      kin: rows === 0 ? '' : kinOf(info, feeds, fetches),
      timeoutMs,
      patient,
      limitMs: Math.max(limitMs, timeoutMs),
      priority: options.priority || DEFAULT_PRIORITY,
      submittedAt,
      deadline: submittedAt + timeoutMs,
      gone: options.gone,
      deaths: 0,
      single: false,
      settled: false,
      settle,
    }
  }

  /** @throws MlError `unavailable` OVERLOADED */
  enqueue(job: RunJob): void {
    if (!job.patient) {
      const { maxWaitMs, seats } = this.#options
      const nowMs = job.submittedAt
      const aheadMs = this.queue.aheadMs(job, nowMs)
      refuseLate(job, { aheadMs, seats: seats(), maxWaitMs, nowMs })
    }
    const evicted = this.queue.add(job)
    if (evicted !== undefined) this.end(evicted, overloadedFailure())
  }

  /**
   * Until the answer, where a run of this model is refused whatever it holds. Its priority would be known only after reading it, so nothing is
   * said while such wishes are in use. What time it gives itself does not matter: nobody is let in for being patient.
   */
  refusedWaitMs(model: PoolModel, tenant: string): number | undefined {
    const { queue } = this
    // A turn may consist of nothing but refusals.
    this.hearIfFull()
    if (queue.length === 0) return undefined
    const { clock, maxWaitMs, seats } = this.#options
    const nowMs = clock.elapsedMs()
    if (nowMs - model.wishedAt < WISHES_MS) return undefined
    const run = { model, tenant, priority: DEFAULT_PRIORITY, size: 1, timeoutMs: Number.POSITIVE_INFINITY }
    const waitMs = refusedWaitMs(run, { aheadMs: queue.aheadMs(run, nowMs), seats: seats(), maxWaitMs, nowMs })
    if (waitMs === undefined || ++this.#refusedUnread % READ_ANYWAY === 0) return undefined
    return waitMs
  }

  /** Thousands of requests may come in one turn of the event loop: whoever is done gets a next batch, of which there is one, now. */
  hearIfFull(): boolean {
    const { seats, batchRows } = this.#options
    const full = this.queue.length >= batchRows
    if (full) for (const seat of seats()) seat.hear()
    return full
  }

  /** What a seat does next. */
  next(held: ReadonlySet<PoolModel>): Bundle | undefined {
    const first = this.#nextBatch(held, () => true)
    if (first === undefined) return undefined
    if (!this.#options.bundles) return { kind: 'run', batches: [first] }
    return gather(first, (accepts) => this.#nextBatch(held, accepts))
  }

  /** Without those whose caller has left. */
  #nextBatch(held: ReadonlySet<PoolModel>, accepts: (first: RunJob) => boolean): Batch | undefined {
    const take = () => this.queue.takeFor(held, accepts)
    for (let batch = take(); batch !== undefined; batch = take()) {
      const left = batch.jobs.filter(hasLeft)
      if (left.length === 0) return batch
      const [first, ...rest] = batch.jobs.filter((job) => !left.includes(job))
      for (const job of left) this.end(job, abortedFailure())
      if (first !== undefined) return { ...batch, jobs: [first, ...rest] }
    }
    return undefined
  }

  /** A worker has answered, or could not be asked. */
  finish({ batches }: Bundle, outcomes: Outcomes, startedAt: number): void {
    const now = this.#options.clock.elapsedMs()
    const heldMs = now - startedAt
    const ranMs = outcomes.reduce((sum, outcome) => sum + runMsOf(outcome), 0)
    for (let i = 0; i < batches.length; i++) {
      const outcome = outcomes[i] ?? 'again'
      const shareMs = batches.length === 1 ? heldMs : (heldMs * runMsOf(outcome)) / (ranMs || 1)
      this.#finish(batches[i]!, batches.length > 1 && outcome instanceof Error ? 'again' : outcome, {
        startedAt,
        heldMs: shareMs,
        now,
      })
    }
  }

  #finish(batch: Batch, outcome: Outcomes[number], { startedAt, heldMs, now }: Held): void {
    const { model, jobs, crowded } = batch
    if (typeof outcome === 'string') {
      this.queue.settle(batch, heldMs)
      if (outcome === 'too large') model.bulky = true
      this.#apart(jobs)
      return
    }
    this.queue.settle(batch, outcome instanceof Error ? heldMs : outcome.busyMs)
    if (crowded) model.drain.note(sizeOf(jobs), heldMs, now)
    if (outcome instanceof Error) {
      if (jobs.length > 1) this.#apart(jobs)
      else this.end(jobs[0], outcome)
      return
    }
    notePace(model, jobs, outcome.runMs)
    const parts = jobs.length === 1 ? [outcome.tensors] : splitRows(jobs, outcome.tensors)
    if (parts instanceof Error) {
      model.perRow = false
      this.#apart(jobs)
      return
    }
    const batchRows = jobs.length === 1 ? firstAxis(jobs[0].feeds) : sizeOf(jobs)
    for (let i = 0; i < jobs.length; i++) {
      const job = jobs[i]!
      const queueMs = startedAt - job.submittedAt
      this.end(job, {
        outputs: byName(job.outputs, parts[i]!),
        runMs: outcome.runMs,
        queueMs,
        batchRows,
        leads: i === 0,
      })
    }
  }

  /** The worker died with the batch in hand. */
  lost({ batches }: Bundle): void {
    for (const { jobs } of batches.toReversed()) {
      for (const job of jobs) job.deaths++
      this.#apart(jobs)
    }
  }

  /** They were handed to a worker that did not come to them, or cannot say so. @returns how many that are. */
  putBack(batches: readonly Batch[]): number {
    for (const { jobs } of batches.toReversed()) {
      for (const job of jobs.toReversed()) {
        // Whoever was told that it is late may use the memory of its feeds for something else.
        if (job.settled) this.end(job, lateFailure(job))
        else this.queue.putBack(job)
      }
    }
    return batches.length
  }

  #apart(jobs: readonly RunJob[]): void {
    for (const job of jobs.toReversed()) {
      job.single = true
      if (job.deaths >= MAX_DEATHS || job.settled) this.end(job, fatalFailure())
      else this.queue.putBack(job)
    }
  }

  sweep(nowMs: number): void {
    for (const { job, failure } of this.queue.sweep(nowMs)) this.end(job, failure)
  }

  /** The run is over for its caller and off its worker. */
  end(job: RunJob, outcome: PooledResult | MlError): void {
    const { model } = job
    this.settle(job, outcome)
    model.pending--
    if (model.retired && model.pending === 0) this.#options.unneeded(model)
  }

  settle(job: RunJob, outcome: PooledResult | MlError): void {
    if (job.settled) return
    job.settled = true
    job.settle(outcome)
  }
}

interface Held {
  readonly startedAt: number
  /** For how long of its worker's time. */
  readonly heldMs: number
  readonly now: number
}

function firstAxis(feeds: Feeds): number {
  return isRow(feeds) ? 1 : (feeds[0]?.dims[0] ?? 1)
}

function hasLeft({ gone }: RunJob): boolean {
  return gone?.() === true
}

function sizeOf(jobs: readonly RunJob[]): number {
  return jobs.reduce((sum, job) => sum + job.size, 0)
}

/** 0 where the inputs have no common number of rows. */
function rowsOf(feeds: Feeds): number {
  if (isRow(feeds)) return 1
  const rows = feeds[0]?.dims[0] ?? 0
  for (const { dims } of feeds) if (dims[0] !== rows) return 0
  return rows
}

function kinOf(info: ModelInfo, feeds: Feeds, fetches: readonly number[]): string {
  let kin = fetches.length === 0 ? '' : fetches.join()
  // Of a row no axis but the first may vary.
  if (isRow(feeds)) return kin
  for (let i = 0; i < feeds.length; i++) {
    const { dims } = info.inputs[i]!
    for (let axis = 1; axis < dims.length; axis++) if (dims[axis] === null) kin += `/${feeds[i]!.dims[axis]}`
  }
  return kin
}

/** What comes back for these fetches, in order. */
export function outputsOf({ outputs }: ModelInfo, fetches: readonly number[]): readonly TensorInfo[] {
  return fetches.length === 0 ? outputs : fetches.map((index) => outputs[index]!)
}

export function byName(infos: readonly TensorInfo[], tensors: readonly Tensor[]): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {}
  for (let i = 0; i < tensors.length; i++) outputs[infos[i]!.name] = tensors[i]!
  return outputs
}
