// A circuit breaker: after several failures in a row nothing is asked for a while, then one request at a time tries whether the
// other side is back. A source that is down costs a few requests their time-out, and not every request.
import { backoffMs } from '../../core/backoff.ts'

const FAILURES = 5
const REST = { initialMs: 1_000, maxMs: 30_000 }

export class Breaker {
  #failures = 0
  #closedUntilMs = Number.NEGATIVE_INFINITY
  #trying = false
  readonly #elapsedMs: () => number

  constructor(elapsedMs: () => number) {
    this.#elapsedMs = elapsedMs
  }

  /** Whether to ask; whoever was let through tells how it went. */
  enter(): boolean {
    if (this.#failures < FAILURES) return true
    if (this.#trying || this.#elapsedMs() < this.#closedUntilMs) return false
    this.#trying = true
    return true
  }

  /** @returns whether it had been away. */
  succeeded(): boolean {
    const wasAway = this.#failures >= FAILURES
    this.#failures = 0
    this.#trying = false
    return wasAway
  }

  /** @returns whether this was the failure after which nothing is asked any more. */
  failed(): boolean {
    // Of several under way when it was found to be away the others say nothing new, and do not make the rest longer.
    if (this.#failures >= FAILURES && !this.#trying) return false
    this.#failures++
    this.#trying = false
    if (this.#failures < FAILURES) return false
    this.#closedUntilMs = this.#elapsedMs() + backoffMs(this.#failures - FAILURES, REST)
    return this.#failures === FAILURES
  }
}
