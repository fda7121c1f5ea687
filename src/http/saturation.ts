// Whether the event loop is full. Who is not read yet waits where no queue can see it, in the sockets, and is found only when its turn
// comes; so what is measured is how long a turn of the loop lasts. Long turns that last bring about a state in which a part of what comes
// is refused: as much as a fifth of the loop's time is enough for, for whoever refuses all that he cannot answer at once does nothing else
// and answers nobody. Until then a burst is answered, however deep the queue allows it to be.
import type { Clock } from '../core/clock.ts'

/** In which all requests are taken on, in a turn of a full loop. */
const BUDGET_MS = 10
/** Of the time of a full loop, what refusals may take. */
const REFUSING = 0.2
/** How much time that is a share of: older halves count less and less. */
const LEDGER_MS = 1000
/** What a refusal takes is a running median, in steps of this: between two requests others may have their turn. */
const STEP = 1.05
/** One that took longer than so many times the usual was not the only thing that was done. */
const MOST = 2
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
  /** What the loop has done of late, while it was full. */
  #answeringMs = 0
  #refusingMs = 0
  /** Since when it has done the last of these. */
  #since = 0
  #refuses = false
  /** What a refusal usually takes. */
  #refusalMs = 0.03

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
    this.#account(now)
    this.#refuses = now - this.#turnAt > BUDGET_MS && this.#mayRefuse() && this.#hadItsShare(tenant)
    if (this.#refuses) {
      this.#refused++
      return false
    }
    this.#taken++
    this.#takenOf.set(tenant, (this.#takenOf.get(tenant) ?? 0) + 1)
    return true
  }

  /** From one request to the next the loop is busy with the first of them. */
  #account(now: number): void {
    const ms = now - Math.max(this.#since, this.#turnAt ?? now)
    if (this.#refuses) {
      this.#refusalMs *= ms > this.#refusalMs ? STEP : 1 / STEP
      const refusing = Math.min(ms, MOST * this.#refusalMs)
      this.#refusingMs += refusing
      this.#answeringMs += ms - refusing
    } else this.#answeringMs += ms
    this.#since = now
    if (this.#refusingMs + this.#answeringMs < LEDGER_MS) return
    this.#refusingMs /= 2
    this.#answeringMs /= 2
  }

  #mayRefuse(): boolean {
    return this.#refusingMs <= REFUSING * (this.#refusingMs + this.#answeringMs)
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
    if (this.#full) {
      // What comes behind the last request is what others brought: their bodies, and answers of workers.
      this.#refuses = false
      this.#account(now)
    }
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
    this.#answeringMs = 0
    this.#refusingMs = 0
  }
}
