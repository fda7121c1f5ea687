// How much an item is in demand: the weights of its events, each halved for every half-life that has passed since.
import type { Feedback } from './feedback.ts'

export interface PopularityOptions {
  /** The moment looked from, in milliseconds since 1970; what is later counts in full. */
  readonly atMs: number
  readonly halfLifeMs: number
}

/** One figure an item, 0 (nobody wants it) to 1 (the most wanted one). */
export function popularity(feedback: Feedback, { atMs, halfLifeMs }: PopularityOptions): Float32Array {
  const sums = new Float64Array(feedback.itemCount)
  for (let event = 0; event < feedback.items.length; event++) {
    const age = Math.max(0, atMs - feedback.times[event]!)
    sums[feedback.items[event]!]! += Math.max(0, feedback.weights[event]!) * 2 ** (-age / halfLifeMs)
  }
  const most = sums.reduce((a, b) => Math.max(a, b), 0)
  return Float32Array.from(sums, (sum) => (most > 0 ? sum / most : 0))
}
