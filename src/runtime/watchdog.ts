// Deadlines. One coarse timer for all deadlines, running only while there is work: a timer per run would cost more than the rest
// of the bookkeeping. A deadline is seen up to one tick late.
import { pause } from '../core/backoff.ts'

const TICK_MS = 20

export class Watchdog {
  readonly #inspect: () => 'busy' | 'quiet'
  #timer: NodeJS.Timeout | null = null

  /** `inspect` is called on every tick, and says whether there is anything left to watch. */
  constructor(inspect: () => 'busy' | 'quiet') {
    this.#inspect = inspect
  }

  wake(): void {
    this.#timer ??= setInterval(() => {
      if (this.#inspect() === 'quiet') this.stop()
    }, TICK_MS)
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }
}

/** Waits for `done`, but not longer than `ms`. */
export async function withinMs(ms: number, done: Promise<unknown>): Promise<void> {
  const over = new AbortController()
  await Promise.race([done, pause(ms, over.signal)])
  over.abort()
}
