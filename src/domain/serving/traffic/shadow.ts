// Copies of requests, run on a version that answers nobody: after the reply, one at a time, from a queue that drops what it
// has no room for. What goes wrong here is counted and never reaches a caller.
import type { StoredDifference } from '../../../ports/db/index.ts'
import type { Answer } from '../output.ts'
import { predictRows, type Rows } from '../predict-rows.ts'
import type { ServedVersion } from '../served-version.ts'
import type { ServingCtx } from '../serving.ts'
import type { ArmCounts } from './arm.ts'
import { addPair, NO_DIFFERENCE } from './differences.ts'

/** A request that was answered, with its answers by row. */
export interface Copy {
  readonly ctx: ServingCtx
  readonly given: Rows
  readonly answers: readonly (Answer | undefined)[]
}

const MOST_WAITING = 256
const MOST_ROWS_WAITING = 20_000
const LONGEST_RUN_MS = 10_000

export class Shadow {
  readonly #counts: ArmCounts
  readonly #version: () => ServedVersion | undefined
  #waiting: Copy[] = []
  #rows = 0
  #running = false
  #difference: StoredDifference = NO_DIFFERENCE

  constructor(counts: ArmCounts, version: () => ServedVersion | undefined) {
    this.#counts = counts
    this.#version = version
  }

  get difference(): StoredDifference {
    return this.#difference
  }

  get idle(): boolean {
    return !this.#running
  }

  offer(copy: Copy): void {
    const rows = copy.given.rows.length
    if (this.#waiting.length >= MOST_WAITING || this.#rows + rows > MOST_ROWS_WAITING) {
      this.#difference = { ...this.#difference, dropped: this.#difference.dropped + 1 }
      return
    }
    this.#waiting.push(copy)
    this.#rows += rows
    if (this.#running) return
    this.#running = true
    // The reply is written in this turn of the event loop.
    setImmediate(() => void this.#drain())
  }

  async #drain(): Promise<void> {
    for (let copy = this.#waiting.shift(); copy; copy = this.#waiting.shift()) {
      this.#rows -= copy.given.rows.length
      await this.#run(copy)
    }
    this.#running = false
  }

  async #run({ ctx, given, answers }: Copy): Promise<void> {
    const version = this.#version()
    if (!version?.ready) return
    try {
      // The caller is gone by now, which must not end the copy.
      const signal = AbortSignal.timeout(LONGEST_RUN_MS)
      const own = await predictRows({ ...ctx, signal }, version, given)
      this.#counts.answered(own.elapsedMs, own.errors.size)
      this.#compare({ ctx, given, answers }, own.answers)
    } catch (error) {
      this.#counts.failed(error)
    }
  }

  #compare({ ctx, given, answers }: Copy, own: readonly (Answer | undefined)[]): void {
    const now = ctx.clock.now()
    let sum = this.#difference
    for (const [index, challenger] of own.entries()) {
      const champion = answers[index]
      if (champion && challenger) sum = addPair(sum, { input: given.rows[index], champion, challenger }, now)
    }
    this.#difference = sum
  }
}
