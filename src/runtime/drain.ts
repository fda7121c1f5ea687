// How fast a model's line gets shorter while it is long: what one more row in it takes of a seat. Learnt only from batches
// that left others of their line waiting, because rows that come alone are dearer than those that fill a batch, and
// forgotten when nothing waited for a while: what was true in the last rush refuses nobody in the next one.

/** Batches that must have been seen before anything is said. */
const PROVEN = 2
const FORGET_MS = 10_000
const WEIGHT = 0.2
/** What one batch may count, as a multiple of what was expected: a thread put aside for a moment is not a slow model. */
const MOST = 4

export class Drain {
  #batches = 0
  #heldMs = 0
  #size = 0
  #learntAt = Number.NEGATIVE_INFINITY

  /** A batch of `size` rows (requests, where rows cannot be counted) held its seat for so long and left others waiting. */
  note(size: number, heldMs: number, nowMs: number): void {
    if (nowMs - this.#learntAt > FORGET_MS) this.#batches = 0
    this.#learntAt = nowMs
    const expected = this.#batches === 0 ? Number.POSITIVE_INFINITY : (this.#heldMs / this.#size) * size
    const weight = Math.max(WEIGHT, 1 / ++this.#batches)
    this.#heldMs += weight * (Math.min(heldMs, MOST * expected) - this.#heldMs)
    this.#size += weight * (size - this.#size)
  }

  /** Milliseconds a row; 0 while unknown. */
  rowMs(nowMs: number): number {
    return this.#isKnown(nowMs) ? this.#heldMs / this.#size : 0
  }

  /** Milliseconds a batch; 0 while unknown. */
  batchMs(nowMs: number): number {
    return this.#isKnown(nowMs) ? this.#heldMs : 0
  }

  #isKnown(nowMs: number): boolean {
    return this.#batches >= PROVEN && nowMs - this.#learntAt <= FORGET_MS
  }
}
