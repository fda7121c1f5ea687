// What the threads of a training tell each other: words of `control`, each in a cache line of its own, and how to wait for one.
import { fail } from '../../../core/failure.ts'

/** The number of the task. */
export const ROUND = 0
/** How many helpers are done with it. */
export const DONE = 16
/** 1 when one of them failed. */
const FAILED = 32
/** How often a thread has come to where they meet. */
export const MET = 48
/** From here on how many rows each thread of at most 64 sends left, see work.ts. */
export const LEFT_COUNTS = 64
/** While the table is sorted, see bin-table.ts: columns that have been read, taken by a thread, and placed. */
export const READ = 128
export const TAKEN = 144
export const PLACED = 160
/** Of the small leaves that are split at once, the next that no thread has taken; see small-leaves.ts. */
export const NEXT_LEAF = 176
export const CONTROL_WORDS = 192

/** Far more than the largest step takes. */
const LONGEST_STEP_MS = 300_000

/** Looks at a word of memory before a thread goes to sleep: waking it takes as long as many a step. */
export const LOOKS = 4000

/** Until a word of memory is as wanted; throws `internal` TREE_THREAD_FAILED when a thread has failed. */
export function waitUntil(control: Int32Array, word: number, isThere: () => boolean): void {
  const isOver = () => isThere() || hasFailed(control)
  let looks = 0
  while (looks < LOOKS && !isOver()) looks++
  for (;;) {
    const seen = Atomics.load(control, word)
    if (isOver()) break
    // A thread that died says nothing, and this one is blocked: it would wait for ever.
    if (Atomics.wait(control, word, seen, LONGEST_STEP_MS) === 'timed-out') reportFailure(control)
  }
  if (hasFailed(control)) throw fail('internal', 'TREE_THREAD_FAILED', 'A thread that grows trees failed')
}

function hasFailed(control: Int32Array): boolean {
  return Atomics.load(control, FAILED) !== 0
}

/** Wakes whoever waits for a thread that will not come. */
export function reportFailure(control: Int32Array): void {
  Atomics.store(control, FAILED, 1)
  for (const word of [DONE, MET, READ, PLACED]) Atomics.notify(control, word)
}
