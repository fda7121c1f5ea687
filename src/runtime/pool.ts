// Which seat does what, and when. A run goes at once to an idle seat that holds its model, else it waits; a seat has one
// batch in hand at a time, so that nothing waits behind a slow run while another seat is free. A seat that finds only runs
// of models it does not hold loads one of those.
import { backoffMs } from '../core/backoff.ts'
import { asFailure, fail, type MlError } from '../core/failure.ts'
import { alone, type Bundle, type Job, type LoadJob, type Outcomes, type PoolModel, runsOf } from './job.ts'
import { Loads } from './loads.ts'
import { onceATurn } from './once-a-turn.ts'
import type { PoolOptions } from './pool-options.ts'
import { Recycler } from './recycler.ts'
import { closedFailure, fatalFailure, lateFailure } from './refusals.ts'
import { MAX_DEATHS, type RunRequest, Runs } from './runs.ts'
import { Seat, type SeatEvents } from './seat.ts'
import { startThread } from './thread.ts'
import type { ModelInfo, PooledResult } from './types.ts'
import { Watchdog, withinMs } from './watchdog.ts'

/** Failed starts of a seat before those who wait for it are told. */
const MAX_STARTS = 3
const CLOSE_GRACE_MS = 2000

export class Pool {
  readonly seats: Seat[]
  gpuAvailable = false
  replaced = 0
  abandoned = 0
  /** Runs accepted and not answered. */
  inFlight = 0
  readonly #options: PoolOptions
  readonly runs: Runs
  readonly #loads: Loads
  readonly #watchdog: Watchdog
  readonly #newSeat: () => Seat
  readonly #recycler: Recycler
  #gpu: 'try' | 'off'
  #closed = false
  #idleAtLast: (() => void) | null = null
  /** At the end of the turn: a batch for each request that comes in it would cost more than the requests. */
  readonly #pumpSoon: () => void

  constructor(options: PoolOptions) {
    this.#options = options
    this.#gpu = options.enableGpu ? 'try' : 'off'
    // A process says nothing of which run it is at, and holds one model.
    const bundles = options.start === undefined
    this.runs = new Runs({ ...options, bundles, seats: () => this.seats, unneeded: (model) => this.retire(model) })
    this.#loads = new Loads({ seats: () => this.seats, runs: this.runs, log: options.log })
    const events: SeatEvents = {
      ready: this.#onReady.bind(this),
      ran: this.#onRan.bind(this),
      loaded: this.#onLoaded.bind(this),
      died: this.#onDied.bind(this),
    }
    this.#newSeat = () => new Seat(events, options.start ?? startThread, options.clock)
    this.seats = Array.from({ length: options.workers }, this.#newSeat)
    this.#pumpSoon = onceATurn(options.atTurnsEnd, () => this.#pumpAll())
    this.#watchdog = new Watchdog(() => this.#inspect())
    const { clock } = options
    const staff = { seats: this.seats, clock, add: this.#addSeat.bind(this), replace: this.#replace.bind(this) }
    this.#recycler = new Recycler(staff, options.recycle)
    this.#startNext()
  }

  get recycled(): number {
    return this.#recycler.recycled
  }

  get queued(): number {
    return this.runs.queue.length
  }

  /**
   * Runs a model whose `info` came from `load`. Where others are about, its rows can be run with theirs, and there is one worker for
   * all, together with what the event loop still has to hand over in this turn; several workers share that as it comes.
   */
  submit(request: RunRequest, company: 'alone' | 'others are about'): Promise<PooledResult> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedFailure()
      const job = this.runs.accept(request, (outcome) => {
        this.inFlight--
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
      })
      const { model } = job
      const full = this.runs.hearIfFull()
      const seat = this.seats.find((seat) => seat.idle && seat.held.has(model))
      const atOnce = seat !== undefined && (company === 'alone' || job.rows === 0 || this.seats.length > 1)
      if (!atOnce) this.runs.enqueue(job)
      model.pending++
      this.inFlight++
      this.#watchdog.wake()
      if (atOnce) this.#begin(seat, alone(job))
      else if (this.seats.some((seat) => seat.idle)) {
        if (full || this.seats.length > 1) this.#pumpAll()
        else this.#pumpSoon()
      }
    })
  }

  /** Loads `model` on the seat with the least to do. */
  load(model: PoolModel): Promise<ModelInfo> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedFailure()
      const settle = (outcome: ModelInfo | MlError) => (outcome instanceof Error ? reject(outcome) : resolve(outcome))
      const seat = this.#loads.leastBurdened()
      this.#loads.want(seat, { kind: 'load', model, deaths: 0, settle })
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
    this.#recycler.stop()
    for (const job of this.runs.queue.takeAll()) this.runs.end(job, closedFailure())
    for (const seat of this.seats) for (const job of seat.wanted.splice(0)) this.#loads.end(job, closedFailure())
    if (this.seats.some((seat) => seat.job !== null)) {
      await withinMs(CLOSE_GRACE_MS, new Promise<void>((resolve) => (this.#idleAtLast = resolve)))
    }
    this.#watchdog.stop()
    await withinMs(CLOSE_GRACE_MS, Promise.all(this.seats.map((seat) => this.#vacate(seat, closedFailure()))))
    // What came back from a worker that died or was given up meanwhile.
    for (const job of this.runs.queue.takeAll()) this.runs.end(job, closedFailure())
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
      const job = seat.wanted.shift() ?? this.runs.next(seat.held) ?? this.#lazyLoad(seat)
      if (job === undefined) return
      this.#begin(seat, job)
    }
  }

  #lazyLoad(seat: Seat): LoadJob | undefined {
    const model = this.runs.queue.findModel((model) => model.loading === 0 && !seat.refused.has(model))
    if (model === undefined) return undefined
    model.loading++
    return this.#loads.quiet(model)
  }

  #begin(seat: Seat, job: Job): void {
    // It may have slept while the worker of a load was starting.
    this.#watchdog.wake()
    try {
      if (job.kind === 'load') seat.load(job)
      else seat.run(job)
    } catch (error) {
      if (job.kind === 'load') this.#loads.refuse(seat, job, asFailure(error))
      // Of what was to go together, the others are not to blame.
      else this.runs.finish(job, [asFailure(error)], this.#options.clock.elapsedMs())
    }
  }

  #onReady(seat: Seat, gpuError: string | null): void {
    if (this.#gpu === 'try') this.gpuAvailable = gpuError === null
    if (this.#gpu === 'try' && gpuError !== null) {
      this.#gpu = 'off'
      this.#options.log.warn({ reason: gpuError }, 'No GPU can be used: models run on the CPU')
    }
    this.#startNext()
    this.#pump(seat)
    this.#recycler.prepared(seat)
  }

  #onRan(seat: Seat, bundle: Bundle, outcomes: Outcomes): void {
    const { startedAt } = seat
    // The worker goes on with the next while the answers of this one are taken apart.
    this.#freed(seat)
    this.runs.finish(bundle, outcomes, startedAt)
    // What is to be run again may be for others: they have nothing to do, and this one may be busy or gone.
    if (this.runs.queue.length > 0) this.#pumpAll()
  }

  #onLoaded(seat: Seat, job: LoadJob, outcome: ModelInfo | MlError): void {
    this.#loads.end(job, outcome)
    if (this.gpuAvailable && !(outcome instanceof Error) && outcome.provider !== 'cuda') {
      this.#options.log.warn({ model: job.model.key }, 'The GPU cannot run this model: it runs on the CPU')
    }
    if (job.model.retired && job.model.pending === 0) seat.unload(job.model)
    this.#freed(seat)
    this.#pumpAll()
    this.#recycler.prepared(seat)
  }

  #addSeat(models: Iterable<PoolModel>): Seat {
    const seat = this.#newSeat()
    this.seats.push(seat)
    for (const model of models) if (!model.retired) this.#loads.want(seat, this.#loads.quiet(model))
    seat.start(this.#gpu)
    return seat
  }

  #replace(from: Seat, to: Seat): void {
    from.leaving = true
    to.wanted.push(...from.wanted.splice(0))
    this.#pump(to)
    this.#leave(from)
  }

  /** Its thread goes as soon as it has nothing in hand. */
  #leave(seat: Seat): void {
    if (!seat.leaving || seat.job !== null) return
    this.seats.splice(this.seats.indexOf(seat), 1)
    seat.leaving = false
    for (const job of seat.wanted.splice(0)) this.#loads.leastBurdened().wanted.push(job)
    void this.#vacate(seat, closedFailure())
    this.#pumpAll()
  }

  #freed(seat: Seat): void {
    this.#leave(seat)
    this.#pump(seat)
    if (this.#idleAtLast !== null && this.seats.every((seat) => seat.job === null)) this.#idleAtLast()
  }

  #onDied(seat: Seat, error: Error | null): void {
    const reason = error?.message ?? 'the thread ended'
    this.#options.log.error({ reason, models: [...seat.held].map((model) => model.key) }, 'A model worker died')
    const { job } = seat
    seat.job = null
    if (job?.kind === 'run') this.runs.lost(job)
    else if (job) this.#loadAgain(seat, job)
    const failure = fail('unavailable', 'RUNTIME_UNAVAILABLE', `Model workers do not start: ${reason}`)
    if (seat.failedStarts >= MAX_STARTS) for (const load of seat.wanted.splice(0)) this.#loads.end(load, failure)
    this.#refill(seat)
  }

  #loadAgain(seat: Seat, job: LoadJob): void {
    job.deaths++
    if (job.deaths < MAX_DEATHS) seat.wanted.unshift(job)
    else this.#loads.refuse(seat, job, fatalFailure(job))
  }

  /** A new thread for the seat, and on it the models of the old one. */
  #refill(seat: Seat): void {
    this.replaced++
    const lost = [...seat.held]
    seat.held.clear()
    if (seat.leaving) this.#leave(seat)
    if (this.#closed || !this.seats.includes(seat)) return
    for (const model of lost) if (!model.retired) this.#loads.want(seat, this.#loads.quiet(model))
    const delayMs = seat.failedStarts && backoffMs(seat.failedStarts, { initialMs: 50, maxMs: 10_000 })
    if (delayMs === 0) seat.start(this.#gpu)
    else setTimeout(() => this.#closed || seat.start(this.#gpu), delayMs).unref()
    this.#pumpAll()
  }

  #inspect(): 'busy' | 'quiet' {
    const now = this.#options.clock.elapsedMs()
    this.runs.sweep(now)
    for (const seat of [...this.seats]) {
      // Where the event loop stood still, a worker may have been done long ago.
      seat.hear()
      if (this.runs.putBack(seat.heldUp(now)) > 0) this.#pumpAll()
      const { job } = seat
      if (job === null) continue
      if (job.kind === 'run') {
        for (const run of runsOf(job)) if (now >= run.deadline) this.runs.settle(run, lateFailure(run))
      }
      if (seat.isOverdue(now, this.#options.loadTimeoutMs)) this.#abandon(seat)
    }
    return this.queued > 0 || this.seats.some((seat) => seat.job !== null) ? 'busy' : 'quiet'
  }

  #abandon(seat: Seat): void {
    this.runs.putBack(seat.relieve())
    const job = seat.job!
    const { model } = job.kind === 'run' ? job.batches[0] : job
    this.#options.log.error({ model: model.key, what: job.kind }, 'A model worker is stuck and has been replaced')
    model.stuck++
    void this.#vacate(seat, lateFailure(job.kind === 'run' ? job.batches[0].jobs[0] : job)).then(() => model.stuck--)
    this.#refill(seat)
  }

  /** Sends the seat's thread away and fails its job; resolves when the thread has ended. */
  #vacate(seat: Seat, failure: MlError): Promise<void> {
    this.abandoned++
    const gone = new Promise<void>((resolve) => seat.vacate(resolve)).then(() => void this.abandoned--)
    const { job } = seat
    seat.job = null
    if (job?.kind === 'run') for (const run of runsOf(job)) this.runs.end(run, failure)
    if (job?.kind === 'load') this.#loads.refuse(seat, job, failure)
    return gone
  }
}
