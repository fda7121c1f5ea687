// Areas under the ROC and precision-recall curves of one score, by ranks. Rows with equal scores count as one step of the
// curve, so the result does not depend on their order.

export interface Ranking {
  /** Larger means more probably positive. */
  readonly score: (row: number) => number
  readonly positive: (row: number) => boolean
  readonly rows: number
}

export interface Areas {
  /** Probability that a positive row scores above a negative one, a tie counting half (Mann–Whitney). */
  readonly rocAuc: number
  /** Σ (Rₙ − Rₙ₋₁)·Pₙ, the average precision of scikit-learn: no interpolation. */
  readonly prAuc: number
}

/** NaN for both where all rows are positive or all are negative. */
export function rankingAreas({ score, positive, rows }: Ranking): Areas {
  const scores = new Float64Array(rows)
  const order = new Uint32Array(rows)
  let positives = 0
  for (let row = 0; row < rows; row++) {
    scores[row] = score(row)
    order[row] = row
    if (positive(row)) positives++
  }
  const negatives = rows - positives
  if (positives === 0 || negatives === 0) return { rocAuc: Number.NaN, prAuc: Number.NaN }
  order.sort((a, b) => scores[b]! - scores[a]!)
  let above = 0
  let wins = 0
  let precisions = 0
  for (let from = 0; from < rows; ) {
    const value = scores[order[from]!]!
    let to = from
    let hits = 0
    // NaN equals nothing, itself included: every turn passes a row all the same.
    do if (positive(order[to++]!)) hits++
    while (to < rows && scores[order[to]!] === value)
    const misses = to - from - hits
    wins += misses * (above + hits / 2)
    above += hits
    precisions += (hits * above) / to
    from = to
  }
  return { rocAuc: wins / (positives * negatives), prAuc: precisions / positives }
}
