// Versions that did not load, and when each is tried again: a file is read as a whole every time, perhaps from a bucket.
import { backoffMs } from '../../core/backoff.ts'
import type { Clock } from '../../core/clock.ts'
import type { MlError } from '../../core/failure.ts'

const FIRST_REST_MS = 2_000
const LONGEST_REST_MS = 60_000

interface Failed {
  readonly error: MlError
  readonly times: number
  readonly againAtMs: number
}

export class FailedLoads {
  readonly #clock: Clock
  readonly #failed = new Map<string, Failed>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether it is time to try one again. */
  get due(): boolean {
    const now = this.#clock.elapsedMs()
    for (const { againAtMs } of this.#failed.values()) if (againAtMs <= now) return true
    return false
  }

  /** Why a version is not to be tried now. */
  resting(key: string): MlError | undefined {
    const failed = this.#failed.get(key)
    return failed && failed.againAtMs > this.#clock.elapsedMs() ? failed.error : undefined
  }

  add(key: string, error: MlError): void {
    const times = this.#failed.get(key)?.times ?? 0
    const restMs = backoffMs(times, { initialMs: FIRST_REST_MS, maxMs: LONGEST_REST_MS })
    this.#failed.set(key, { error, times: times + 1, againAtMs: this.#clock.elapsedMs() + restMs })
  }

  /** Forgets all others: they have loaded, or nobody wants them any more. */
  keep(keys: ReadonlyMap<string, unknown>): void {
    for (const key of this.#failed.keys()) if (!keys.has(key)) this.#failed.delete(key)
  }
}
