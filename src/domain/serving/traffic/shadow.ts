// Copies of requests, run on a version that answers nobody: after the reply, one at a time, from a queue that drops what it
// has no room for. What goes wrong here is counted and never reaches a caller.

import type { Clock } from '../../../core/clock.ts'
import type { StoredDifference } from '../../../ports/db/index.ts'
import type { ServedVersion } from '../served-version.ts'
import type { ArmCounts } from './arm.ts'
import { addPair, NO_DIFFERENCE, type Pair } from './differences.ts'

/** A request that was answered, ready to be asked again. */
export interface Copy {
  readonly rows: number
  /** Memory that it holds while it waits, about. */
  readonly bytes: number
  /** The caller is gone by then: only `signal` ends it. */
  readonly ask: (version: ServedVersion, signal: AbortSignal) => Promise<CopyAnswer>
}

export interface CopyAnswer {
  readonly elapsedMs: number
  /** Rows that the version refused. */
  readonly refused: number
  /** Both answers to every row that has both. */
  readonly pairs: Iterable<Pair>
}

const MOST_WAITING = 256
const MOST_ROWS_WAITING = 20_000
/** One row may be a picture. */
const MOST_BYTES_WAITING = 64 * 2 ** 20
const LONGEST_RUN_MS = 10_000

export class Shadow {
  readonly #counts: ArmCounts
  readonly #clock: Clock
  readonly #version: () => ServedVersion | undefined
  #waiting: Copy[] = []
  #rows = 0
  #bytes = 0
  #running = false
  #difference: StoredDifference = NO_DIFFERENCE

  constructor(counts: ArmCounts, clock: Clock, version: () => ServedVersion | undefined) {
    this.#counts = counts
    this.#clock = clock
    this.#version = version
  }

  get difference(): StoredDifference {
    return this.#difference
  }

  get idle(): boolean {
    return !this.#running
  }

  offer(copy: Copy): void {
    const { rows, bytes } = copy
    const isFull = this.#waiting.length >= MOST_WAITING || this.#rows + rows > MOST_ROWS_WAITING
    if (isFull || (this.#waiting.length > 0 && this.#bytes + bytes > MOST_BYTES_WAITING)) {
      this.#difference = { ...this.#difference, dropped: this.#difference.dropped + 1 }
      return
    }
    this.#waiting.push(copy)
    this.#rows += rows
    this.#bytes += bytes
    if (this.#running) return
    this.#running = true
    // The reply is written in this turn of the event loop.
    setImmediate(() => void this.#drain())
  }

  async #drain(): Promise<void> {
    for (let copy = this.#waiting.shift(); copy; copy = this.#waiting.shift()) {
      this.#rows -= copy.rows
      this.#bytes -= copy.bytes
      await this.#run(copy)
    }
    this.#running = false
  }

  async #run({ ask }: Copy): Promise<void> {
    const version = this.#version()
    if (!version?.ready) return
    try {
      const { elapsedMs, refused, pairs } = await ask(version, AbortSignal.timeout(LONGEST_RUN_MS))
      this.#counts.answered(elapsedMs, refused)
      const now = this.#clock.now()
      for (const pair of pairs) this.#difference = addPair(this.#difference, pair, now)
    } catch (error) {
      this.#counts.failed(error)
    }
  }
}
