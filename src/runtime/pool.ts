// Which seat does what, and when. A run goes at once to an idle seat that holds its model, else it waits; a seat has one
// run in hand at a time, so that nothing waits behind a slow run while another seat is free. A seat that finds only runs
// of models it does not hold loads one of those.
import { backoffMs } from '../core/backoff.ts'
import { systemClock } from '../core/clock.ts'
import { asFailure, fail, type MlError } from '../core/failure.ts'
import type { Log } from '../core/log.ts'
import { fetchIndices, orderFeeds } from './feeds.ts'
import type { Job, LoadJob, PoolModel, RunJob } from './job.ts'
import { RunQueue } from './queue.ts'
import { admit, closedFailure, fatalFailure, lateFailure } from './refusals.ts'
import { Seat } from './seat.ts'
import type { ModelInfo, PooledResult, RunOptions, RunResult, Tensors } from './types.ts'
import { Watchdog, withinMs } from './watchdog.ts'

export interface PoolOptions {
  readonly workers: number
  readonly maxQueue: number
  readonly enableGpu: boolean
  readonly log: Log
  readonly runTimeoutMs: number
  readonly loadTimeoutMs: number
}

/** A job that saw this many workers die is to blame for it. */
const MAX_DEATHS = 2
const MAX_STARTS = 3 // failed ones in a row, before those who wait are told
const CLOSE_GRACE_MS = 2000
const DEFAULT_PRIORITY = 2

export class Pool {
  readonly seats: readonly Seat[]
  readonly queue: RunQueue
  gpuAvailable = false
  replaced = 0
  abandoned = 0
  readonly #options: PoolOptions
  readonly #watchdog: Watchdog
  #gpu: 'try' | 'off'
  #closed = false
  #idleAtLast: (() => void) | null = null

  constructor(options: PoolOptions) {
    this.#options = options
    this.#gpu = options.enableGpu ? 'try' : 'off'
    this.queue = new RunQueue(options.maxQueue)
    const events = {
      ready: this.#onReady.bind(this),
      ran: this.#onRan.bind(this),
      loaded: this.#onLoaded.bind(this),
      died: this.#onDied.bind(this),
    }
    this.seats = Array.from({ length: options.workers }, () => new Seat(events))
    this.#watchdog = new Watchdog(() => this.#inspect())
    this.#startNext()
  }

  /** Runs `model`, whose `info` came from `load`. */
  submit(model: PoolModel, info: ModelInfo, request: RunOptions & { readonly feeds: Tensors }): Promise<PooledResult> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedFailure()
      admit(model, request.signal)
      const fetches = fetchIndices(info, request.fetches)
      const timeoutMs = request.timeoutMs ?? this.#options.runTimeoutMs
      const submittedAt = systemClock.elapsedMs()
      const job: RunJob = {
        kind: 'run',
        model,
        feeds: orderFeeds(info, request.feeds),
        fetches,
        outputs: fetches.length === 0 ? info.outputs : fetches.map((index) => info.outputs[index]!),
        timeoutMs,
        priority: request.priority || DEFAULT_PRIORITY,
        submittedAt,
        deadline: submittedAt + timeoutMs,
        deaths: 0,
        settled: false,
        settle: (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)),
      }
      const seat = this.seats.find((seat) => seat.idle && seat.held.has(model))
      if (seat === undefined) this.queue.add(job, request.signal, (failure) => this.#end(job, failure))
      model.pending++
      this.#watchdog.wake()
      if (seat === undefined) this.#pumpAll()
      else this.#begin(seat, job)
    })
  }

  /** Loads `model` on the seat with the least to do. */
  load(model: PoolModel): Promise<ModelInfo> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedFailure()
      const settle = (outcome: ModelInfo | MlError) => (outcome instanceof Error ? reject(outcome) : resolve(outcome))
      const seat = this.seats.reduce((best, one) => (loadOf(one) < loadOf(best) ? one : best))
      this.#want(seat, { kind: 'load', model, deaths: 0, settle })
      this.#watchdog.wake()
      this.#pump(seat)
    })
  }

  /** Unloads the model everywhere as soon as its accepted runs are done. */
  retire(model: PoolModel): void {
    model.retired = true
    if (model.pending === 0) for (const seat of this.seats) seat.unload(model)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const job of this.queue.takeAll()) this.#end(job, closedFailure())
    for (const seat of this.seats) for (const job of seat.wanted.splice(0)) this.#endLoad(job, closedFailure())
    if (this.seats.some((seat) => seat.job !== null)) {
      await withinMs(CLOSE_GRACE_MS, new Promise<void>((resolve) => (this.#idleAtLast = resolve)))
    }
    this.#watchdog.stop()
    await withinMs(CLOSE_GRACE_MS, Promise.all(this.seats.map((seat) => this.#vacate(seat, closedFailure()))))
  }

  /** One after the other: threads that start together on few cores all come late. */
  #startNext(): void {
    if (!this.#closed) this.seats.find((seat) => seat.fresh)?.start(this.#gpu)
  }

  #pumpAll(): void {
    for (const seat of this.seats) this.#pump(seat)
  }

  #pump(seat: Seat): void {
    while (seat.idle && !this.#closed) {
      const job = seat.wanted.shift() ?? this.queue.takeFor(seat.held) ?? this.#lazyLoad(seat)
      if (job === undefined) return
      this.#begin(seat, job)
    }
  }

  #lazyLoad(seat: Seat): LoadJob | undefined {
    const model = this.queue.findModel((model) => model.loading === 0 && !seat.refused.has(model))
    if (model === undefined) return undefined
    model.loading++
    return this.#quietLoad(model)
  }

  /** A load that no caller waits for: its failure goes to the log. */
  #quietLoad(model: PoolModel): LoadJob {
    const settle = (outcome: ModelInfo | MlError) => {
      const fields = { model: model.key, reason: outcome instanceof Error && outcome.message }
      if (fields.reason) this.#options.log.warn(fields, 'A model did not load on another worker')
    }
    return { kind: 'load', model, deaths: 0, settle }
  }

  #begin(seat: Seat, job: Job): void {
    try {
      if (job.kind === 'load') seat.load(job)
      else seat.run(job)
    } catch (error) {
      if (job.kind === 'load') this.#endLoad(job, asFailure(error))
      else this.#end(job, asFailure(error))
    }
  }

  #want(seat: Seat, job: LoadJob): void {
    job.model.loading++
    seat.wanted.push(job)
  }

  #onReady(seat: Seat, gpuError: string | null): void {
    if (this.#gpu === 'try') this.gpuAvailable = gpuError === null
    if (this.#gpu === 'try' && gpuError !== null) {
      this.#gpu = 'off'
      this.#options.log.warn({ reason: gpuError }, 'No GPU can be used: models run on the CPU')
    }
    this.#startNext()
    this.#pump(seat)
  }

  #onRan(seat: Seat, job: RunJob, outcome: RunResult | MlError): void {
    const facts = { queueMs: seat.startedAt - job.submittedAt, batchRows: job.feeds[0]?.dims[0] ?? 1 }
    this.#end(job, outcome instanceof Error ? outcome : { ...outcome, ...facts })
    this.#freed(seat)
  }

  #onLoaded(seat: Seat, job: LoadJob, outcome: ModelInfo | MlError): void {
    this.#endLoad(job, outcome)
    if (this.gpuAvailable && !(outcome instanceof Error) && outcome.provider !== 'cuda') {
      this.#options.log.warn({ model: job.model.key }, 'The GPU cannot run this model: it runs on the CPU')
    }
    if (job.model.retired && job.model.pending === 0) seat.unload(job.model)
    this.#freed(seat)
    this.#pumpAll()
  }

  #freed(seat: Seat): void {
    this.#pump(seat)
    if (this.#idleAtLast !== null && this.seats.every((seat) => seat.job === null)) this.#idleAtLast()
  }

  /** The run is over for its caller and off its worker. */
  #end(job: RunJob, outcome: PooledResult | MlError): void {
    const { model } = job
    this.#settle(job, outcome)
    model.pending--
    if (model.retired && model.pending === 0) this.retire(model)
  }

  #settle(job: RunJob, outcome: PooledResult | MlError): void {
    if (job.settled) return
    job.settled = true
    job.settle(outcome)
  }

  #endLoad(job: LoadJob, outcome: ModelInfo | MlError): void {
    const { model } = job
    model.loading--
    job.settle(outcome)
    if (!(outcome instanceof Error)) return
    const hopeless = this.seats.every((seat) => !seat.held.has(model) && seat.refused.has(model))
    if (hopeless && model.loading === 0) for (const run of this.queue.takeAllOf(model)) this.#end(run, outcome)
  }

  #refuse(seat: Seat, job: LoadJob, failure: MlError): void {
    seat.refused.set(job.model, failure)
    this.#endLoad(job, failure)
  }

  #onDied(seat: Seat, error: Error | null): void {
    const reason = error?.message ?? 'the thread ended'
    this.#options.log.error({ reason, models: [...seat.held].map((model) => model.key) }, 'A model worker died')
    const { job } = seat
    seat.job = null
    if (job) this.#retry(seat, job)
    const failure = fail('unavailable', 'RUNTIME_UNAVAILABLE', `Model workers do not start: ${reason}`)
    if (seat.failedStarts >= MAX_STARTS) for (const load of seat.wanted.splice(0)) this.#endLoad(load, failure)
    this.#refill(seat)
  }

  #retry(seat: Seat, job: Job): void {
    job.deaths++
    const blamed = job.deaths >= MAX_DEATHS
    if (job.kind === 'load') {
      if (!blamed) return void seat.wanted.unshift(job)
      this.#refuse(seat, job, fatalFailure(job))
    } else if (blamed || job.settled) {
      this.#end(job, fatalFailure(job))
    } else {
      this.queue.putBack(job)
    }
  }

  /** A new thread for the seat, and on it the models of the old one. */
  #refill(seat: Seat): void {
    this.replaced++
    const lost = [...seat.held]
    seat.held.clear()
    if (this.#closed) return
    for (const model of lost) {
      if (!model.retired) this.#want(seat, this.#quietLoad(model))
    }
    const delayMs = seat.failedStarts && backoffMs(seat.failedStarts, { initialMs: 50, maxMs: 10_000 })
    if (delayMs === 0) seat.start(this.#gpu)
    else setTimeout(() => this.#closed || seat.start(this.#gpu), delayMs).unref()
    this.#pumpAll()
  }

  #inspect(): 'busy' | 'quiet' {
    const now = systemClock.elapsedMs()
    for (const job of this.queue.takeExpired(now)) this.#end(job, lateFailure(job))
    for (const seat of this.seats) {
      const { job } = seat
      if (job === null) continue
      if (job.kind === 'run' && now >= job.deadline) this.#settle(job, lateFailure(job))
      const limitMs = job.kind === 'run' ? job.timeoutMs : this.#options.loadTimeoutMs
      if (now - seat.startedAt >= limitMs) this.#abandon(seat, job)
    }
    return this.queue.length > 0 || this.seats.some((seat) => seat.job !== null) ? 'busy' : 'quiet'
  }

  #abandon(seat: Seat, job: Job): void {
    const { model } = job
    this.#options.log.error({ model: model.key, what: job.kind }, 'A model worker is stuck and has been replaced')
    model.stuck++
    void this.#vacate(seat, lateFailure(job)).then(() => model.stuck--)
    this.#refill(seat)
  }

  /** Sends the seat's thread away and fails its job; resolves when the thread has ended. */
  #vacate(seat: Seat, failure: MlError): Promise<void> {
    this.abandoned++
    const gone = new Promise<void>((resolve) => seat.vacate(resolve)).then(() => void this.abandoned--)
    const { job } = seat
    seat.job = null
    if (job?.kind === 'run') this.#end(job, failure)
    if (job?.kind === 'load') this.#refuse(seat, job, failure)
    return gone
  }
}

function loadOf(seat: Seat): number {
  return seat.wanted.length + seat.held.size + (seat.job === null ? 0 : 1000) + (seat.ready ? 0 : 0.5)
}
