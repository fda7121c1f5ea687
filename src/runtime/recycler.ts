// Replaces worker threads when the process has grown too large. Nobody can say how much of it is which thread's (the engine's
// memory is not the engine's to count), so the oldest goes first, one at a time, and each only once in a while: where it
// was not the workers that grew, little is lost. A new worker has loaded everything before the old one leaves.
import type { Clock } from '../core/clock.ts'
import type { PoolModel } from './job.ts'
import type { Seat } from './seat.ts'

export interface RecycleOptions {
  /** Memory of the process above which workers are replaced. */
  readonly aboveBytes: number
  /** Default: the resident set. */
  readonly memoryBytes?: () => number
  /** Between two looks. Default 5 s. */
  readonly everyMs?: number
  /** What a worker is at least spared. Default 10 minutes. */
  readonly restMs?: number
}

const EVERY_MS = 5_000
const REST_MS = 600_000

interface Staff {
  readonly seats: readonly Seat[]
  readonly clock: Clock
  /** A further seat, which starts and loads these models. */
  add(models: Iterable<PoolModel>): Seat
  /** `from` leaves as soon as it has nothing in hand. */
  replace(from: Seat, to: Seat): void
}

export class Recycler {
  recycled = 0
  readonly #timer: NodeJS.Timeout | undefined
  readonly #staff: Staff
  #handover: { readonly from: Seat; readonly to: Seat } | null = null

  /** Without options nothing is ever replaced. */
  constructor(staff: Staff, options: RecycleOptions | undefined) {
    this.#staff = staff
    if (options) this.#timer = setInterval(this.#looker(options), options.everyMs ?? EVERY_MS).unref()
  }

  /** To be called whenever a seat has become ready or has loaded something. */
  prepared(seat: Seat): void {
    const handover = this.#handover
    if (handover?.to !== seat || !seat.ready || seat.job?.kind === 'load' || seat.wanted.length > 0) return
    this.#handover = null
    const { from } = handover
    // The workers may all grow because there is too little memory, and then a model may not load once more: nobody would hold it.
    if ([...from.held].some((model) => seat.refused.has(model) && !seat.held.has(model))) {
      from.seatedAt = this.#staff.clock.elapsedMs()
      this.#staff.replace(seat, from)
      return
    }
    this.recycled++
    this.#staff.replace(from, seat)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#handover = null
  }

  #looker({ aboveBytes, memoryBytes = process.memoryUsage.rss, restMs = REST_MS }: RecycleOptions): () => void {
    return () => {
      const { seats } = this.#staff
      // One after the other, and not while a seat is without its thread anyway.
      if (memoryBytes() <= aboveBytes || this.#handover || seats.some((seat) => seat.leaving || !seat.ready)) return
      const from = seats.reduce((best, seat) => (seat.seatedAt < best.seatedAt ? seat : best))
      if (this.#staff.clock.elapsedMs() - from.seatedAt < restMs) return
      this.#handover = { from, to: this.#staff.add(from.held) }
    }
  }
}
