// A place in the pool: the thread that sits there now, the models it holds, and the one job it has in hand. The pool
// decides; a seat carries out and reports. When its thread dies the seat goes on with a new one and an empty memory.
import type { Clock } from '../core/clock.ts'
import { asFailure, fail, type MlError } from '../core/failure.ts'
import { fromMessage } from './engine-failure.ts'
import { Handover } from './handover.ts'
import type { Batch, Bundle, Job, LoadJob, Outcomes, PoolModel } from './job.ts'
import { type FromWorker, IN_AREA } from './protocol.ts'
import type { StartThread, Thread, ThreadEvents } from './thread.ts'
import type { ModelInfo } from './types.ts'

export interface SeatEvents {
  ready(seat: Seat, gpuError: string | null): void
  ran(seat: Seat, bundle: Bundle, outcomes: Outcomes): void
  loaded(seat: Seat, job: LoadJob, outcome: ModelInfo | MlError): void
  /** The thread ended unasked; the seat is empty and keeps its job for the pool to take away. */
  died(seat: Seat, error: Error | null): void
}

const HELD_UP_MS = 100

interface Sitting {
  readonly thread: Thread
  /** Set when the thread was sent away: called when it has ended. */
  gone: (() => void) | null
}

export class Seat {
  /** Loads to do before any run. */
  readonly wanted: LoadJob[] = []
  readonly held = new Set<PoolModel>()
  /** Models that failed to load here, with the reason: not tried again. */
  readonly refused = new Map<PoolModel, MlError>()
  job: Job | null = null
  /** When `job` was taken in hand, on the monotonic clock. */
  startedAt = 0
  ready = false
  /** Starts in a row that did not get as far as ready. */
  failedStarts = 0
  /** Never started yet. */
  fresh = true
  /** When its thread was started, on the monotonic clock. */
  seatedAt = 0
  /** It takes on nothing more: another seat has taken its place. */
  leaving = false
  readonly #events: SeatEvents
  readonly #startThread: StartThread
  readonly #clock: Clock
  #sitting: Sitting | null = null
  /** Of `job`, where it is runs. */
  #handover: Handover | null = null

  constructor(events: SeatEvents, start: StartThread, clock: Clock) {
    this.#events = events
    this.#startThread = start
    this.#clock = clock
  }

  /** That its worker is done with a run, if it has said so already. */
  hear(): void {
    if (this.job?.kind === 'run') this.#sitting?.thread.hear?.()
  }

  get idle(): boolean {
    return this.ready && this.job === null && !this.leaving
  }

  /** How much it has to do and to hold, for choosing the seat with the least. */
  get burden(): number {
    return this.wanted.length + this.held.size + (this.job === null ? 0 : 1000) + (this.ready ? 0 : 0.5)
  }

  isOverdue(nowMs: number, loadTimeoutMs: number): boolean {
    const { job } = this
    if (job === null) return false
    const limitMs =
      job.kind === 'run' ? Math.max(...this.#handover!.running.jobs.map((run) => run.limitMs)) : loadTimeoutMs
    return nowMs - this.startedAt >= limitMs
  }

  /** What waits behind a run that takes a hundred times what was expected of all that were handed over with it; it is no longer in hand. */
  heldUp(nowMs: number): Batch[] {
    return nowMs - this.startedAt >= HELD_UP_MS ? this.relieve() : []
  }

  /** All that it has in hand but for the run it is at; that stays. */
  relieve(): Batch[] {
    if (this.job?.kind !== 'run') return []
    const others = this.#handover!.relieve()
    this.job = this.#handover!.bundle
    return others
  }

  start(gpu: 'try' | 'off'): void {
    this.fresh = false
    this.seatedAt = this.#clock.elapsedMs()
    const thread = this.#tryToStart(gpu, {
      message: (message) => {
        if (this.#sitting === sitting) this.#hear(thread!, message)
      },
      exit: (error) => {
        if (sitting.gone !== null) return sitting.gone()
        if (this.#sitting === sitting) this.#fallEmpty(error)
      },
    })
    if (thread === undefined) return
    const sitting: Sitting = { thread, gone: null }
    this.#sitting = sitting
  }

  /** Where there is no memory, disk or handle left for one more, it is tried again, like one that died at once. */
  #tryToStart(gpu: 'try' | 'off', events: ThreadEvents): Thread | undefined {
    try {
      return this.#startThread(gpu, events)
    } catch (error) {
      this.#fallEmpty(asFailure(error))
      return undefined
    }
  }

  #fallEmpty(error: Error | null): void {
    if (!this.ready) this.failedStarts++
    this.#empty()
    this.#events.died(this, error)
  }

  /** @throws where there is no memory for the file once more; the seat is then as it was. */
  load(job: LoadJob): void {
    const { no, source, warmUp } = job.model
    const own = source instanceof Uint8Array ? new Uint8Array(source) : source
    const probe = job.model.perRow === undefined
    const order = { op: 'load', model: no, source: own, probe, ...(warmUp && { warmUp }) } as const
    this.#sitting!.thread.send(order, own instanceof Uint8Array ? [own.buffer] : [])
    this.#take(job)
  }

  /** @throws MlError `too_large` for feeds beyond 1 GiB; the seat is then as it was. */
  run(bundle: Bundle): void {
    const { thread } = this.#sitting!
    const handover = new Handover(bundle)
    const area = thread.areaFor(handover.bytes)
    handover.write(area)
    this.#handover = handover
    this.#take(bundle)
    thread.run(area, handover.bytes)
  }

  unload(model: PoolModel): void {
    this.refused.delete(model)
    if (this.held.delete(model)) this.#sitting?.thread.send({ op: 'unload', model: model.no })
  }

  /** Sends the thread away without waiting; `gone` is called when it has ended. The job stays for the pool to take. */
  vacate(gone: () => void): void {
    const sitting = this.#sitting
    if (sitting === null) {
      gone()
      return
    }
    sitting.gone = gone
    this.#empty()
    sitting.thread.end()
  }

  #take(job: Job): void {
    this.job = job
    this.startedAt = this.#clock.elapsedMs()
  }

  #empty(): void {
    this.#sitting = null
    this.#handover = null
    this.ready = false
  }

  #hear(thread: Thread, message: FromWorker): void {
    if (typeof message === 'object' && message.op === 'ready') {
      this.ready = true
      this.failedStarts = 0
      this.#events.ready(this, message.gpuError)
      return
    }
    const { job } = this
    if (job?.kind === 'run') {
      // Throws where the answer cannot be read, which ends its process: the job must still be here then, to be tried again.
      const outcomes = outcomesOf(message, this.#handover!, thread)
      this.job = null
      // A seat may have nothing to do for hours, and must not keep what was fed to a model, nor the model.
      this.#handover = null
      this.#events.ran(this, job, outcomes)
    }
    if (job?.kind === 'load') {
      const outcome = loadOutcome(message)
      this.job = null
      if (outcome instanceof Error) this.refused.set(job.model, outcome)
      else {
        this.held.add(job.model)
        job.model.perRow ??= outcome.perRow
      }
      this.#events.loaded(this, job, outcome)
    }
  }
}

function outcomesOf(message: FromWorker, handover: Handover, { answer }: Thread): Outcomes {
  if (message === IN_AREA) return handover.outcomesIn(answer)
  if (message.op === 'answer') return [{ tensors: message.outputs, runMs: message.runMs, busyMs: message.busyMs }]
  if (message.op === 'failed') return [fromMessage(message.failure)]
  return [outOfTurn()]
}

function loadOutcome(message: FromWorker): ModelInfo | MlError {
  if (message !== IN_AREA && message.op === 'loaded') return message.info
  if (message !== IN_AREA && message.op === 'failed') return fromMessage(message.failure)
  return outOfTurn()
}

function outOfTurn(): MlError {
  return fail('internal', 'INFERENCE_FAILED', 'The worker answered out of turn')
}
