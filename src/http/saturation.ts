// Whether the event loop is full. Who is not read yet waits where no queue can see it, in the sockets, and is found only when its turn
// comes; so what is measured is how long a turn of the loop lasts. Long turns that last bring about a state in which every turn takes on
// what fits into some milliseconds; until then a burst is answered, however deep the queue allows it to be.
import type { Clock } from '../core/clock.ts'

/** In which requests are taken on, in a turn of a full loop. */
const BUDGET_MS = 10
/** Without a refusal: the rush is over. */
const CALM_MS = 100
/** More than these are not told apart: whoever invents tenants gains nothing. */
const MOST_TENANTS = 64

export interface SaturationOptions {
  readonly clock: Clock
  /** Waiting in the sockets that is borne; turns are too long from half of it on, for who just missed one waits for two. */
  readonly maxWaitMs: number
  /** Told at the end of a turn. */
  readonly refused: (count: number) => void
}

export class Saturation {
  readonly #options: SaturationOptions
  readonly #endTurn: () => void
  readonly #takenOf = new Map<string, number>()
  #turnAt: number | undefined
  #taken = 0
  #refused = 0
  #full = false
  #longSince: number | undefined
  #calmSince: number | undefined

  constructor(options: SaturationOptions) {
    this.#options = options
    this.#endTurn = this.#end.bind(this)
  }

  /** Whether a request that comes now is taken on. Asked once for each that may be refused. */
  admits(tenant: string): boolean {
    const now = this.#options.clock.elapsedMs()
    if (this.#turnAt === undefined) {
      this.#turnAt = now
      setImmediate(this.#endTurn)
    }
    if (!this.#full) return true
    if (now - this.#turnAt > BUDGET_MS && this.#hadItsShare(tenant)) {
      this.#refused++
      return false
    }
    this.#taken++
    this.#takenOf.set(tenant, (this.#takenOf.get(tenant) ?? 0) + 1)
    return true
  }

  /** Who floods the service is refused while others are let in. */
  #hadItsShare(tenant: string): boolean {
    const tenants = this.#takenOf
    if (tenants.size >= MOST_TENANTS) return true
    const own = tenants.get(tenant) ?? 0
    return own > 0 && own * tenants.size >= this.#taken
  }

  #end(): void {
    const now = this.#options.clock.elapsedMs()
    const turnAt = this.#turnAt ?? now
    this.#turnAt = undefined
    if (this.#full) this.#endFull(now)
    else this.#endUsual(turnAt, now)
  }

  #endUsual(turnAt: number, now: number): void {
    const { maxWaitMs } = this.#options
    if (now - turnAt < maxWaitMs / 2) this.#longSince = undefined
    else {
      this.#longSince ??= turnAt
      this.#full = now - this.#longSince >= maxWaitMs
    }
  }

  #endFull(now: number): void {
    if (this.#refused > 0) {
      this.#options.refused(this.#refused)
      this.#calmSince = undefined
    } else {
      this.#calmSince ??= now
      if (now - this.#calmSince >= CALM_MS) this.#forget()
    }
    this.#refused = 0
    this.#taken = 0
    this.#takenOf.clear()
  }

  #forget(): void {
    this.#full = false
    this.#longSince = undefined
    this.#calmSince = undefined
  }
}
