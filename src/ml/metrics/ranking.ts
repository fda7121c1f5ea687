// How well scores order the rows, whatever their scale.

/** Row indices by falling score. */
function byFallingScore(scores: Float64Array): Uint32Array {
  const order = new Uint32Array(scores.length)
  for (let i = 0; i < order.length; i++) order[i] = i
  return order.sort((a, b) => scores[b]! - scores[a]!)
}

/**
 * Probability that a positive row scores higher than a negative one, ties counting half (Hanley and McNeil 1982).
 * NaN where there are no positives or no negatives.
 */
export function rocAuc(positive: Uint8Array, scores: Float64Array): number {
  const order = byFallingScore(scores)
  let truePositives = 0
  let falsePositives = 0
  let area = 0
  for (let start = 0; start < order.length; ) {
    const { end, hits } = tie(order, positive, scores, start)
    const misses = end - start - hits
    area += misses * (truePositives + hits / 2)
    truePositives += hits
    falsePositives += misses
    start = end
  }
  return truePositives > 0 && falsePositives > 0 ? area / (truePositives * falsePositives) : Number.NaN
}

/** Sum over thresholds of precision times the recall gained there, as scikit-learn's `average_precision_score`. */
export function averagePrecision(positive: Uint8Array, scores: Float64Array): number {
  const order = byFallingScore(scores)
  const total = positive.reduce((sum, one) => sum + one, 0)
  let truePositives = 0
  let sum = 0
  for (let start = 0; start < order.length; ) {
    const { end, hits } = tie(order, positive, scores, start)
    truePositives += hits
    sum += hits * (truePositives / end)
    start = end
  }
  return total > 0 ? sum / total : Number.NaN
}

/** The run of equal scores that begins at `start`. */
function tie(
  order: Uint32Array,
  positive: Uint8Array,
  scores: Float64Array,
  start: number,
): { readonly end: number; readonly hits: number } {
  const score = scores[order[start]!]!
  let end = start
  let hits = 0
  while (end < order.length && scores[order[end]!]! === score) hits += positive[order[end++]!]!
  return { end, hits }
}
