// Platt's sigmoid for two classes: P(second) = σ(slope·score + offset), fitted by Newton's method with backtracking to
// softened targets, as in Lin, Lin and Weng 2007 ("A note on Platt's probabilistic outputs for support vector machines").
// It is a linear map of the score, so a linear model absorbs it: nothing is added to the graph.

export interface Line {
  readonly slope: number
  readonly offset: number
}

export interface ScoredRows {
  /** Scores of rows that the model did not learn from. */
  readonly scores: Float64Array
  /** 0 or 1. */
  readonly labels: Int32Array
  readonly weights?: Float64Array | undefined
}

const MAX_ITERATIONS = 100
const SMALLEST_STEP = 1e-10
const RIDGE = 1e-12
const TOLERANCE = 1e-8

/** Never falls: where held-out rows contradict the scores the slope is a small positive number. */
export function fitPlatt({ scores, labels, weights }: ScoredRows): Line {
  const rows = { scores, weights, targets: softened(labels, weights) }
  // From the share of the classes, as in the paper: at a slope of 1 large scores are certain, where the loss has no curvature left.
  let line: Line = { slope: 0, offset: offsetOf(rows) }
  let loss = lossOf(rows, line)
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    const { gradient, hessian, total } = slopes(rows, line)
    if (Math.max(Math.abs(gradient[0]), Math.abs(gradient[1])) <= TOLERANCE * total) break
    const [haa, hab, hbb] = hessian
    const determinant = haa * hbb - hab * hab
    const da = -(hbb * gradient[0] - hab * gradient[1]) / determinant
    const db = -(haa * gradient[1] - hab * gradient[0]) / determinant
    const slope = gradient[0] * da + gradient[1] * db
    let step = 1
    for (; step >= SMALLEST_STEP; step /= 2) {
      const next = { slope: line.slope + step * da, offset: line.offset + step * db }
      const reached = lossOf(rows, next)
      if (reached >= loss + 1e-4 * step * slope) continue
      line = next
      loss = reached
      break
    }
    if (step < SMALLEST_STEP) break
  }
  return line.slope > FLATTEST ? line : { slope: FLATTEST, offset: offsetOf(rows) }
}

const FLATTEST = 1e-3

interface Rows {
  readonly scores: Float64Array
  readonly weights: Float64Array | undefined
  readonly targets: Float64Array
}

/** (n₊ + 1)/(n₊ + 2) and 1/(n₋ + 2) in place of 1 and 0, so that separable scores do not ask for certainty. */
function softened(labels: Int32Array, weights: Float64Array | undefined): Float64Array {
  const totals = [0, 0]
  for (let i = 0; i < labels.length; i++) totals[labels[i]!]! += weights ? weights[i]! : 1
  const high = (totals[1]! + 1) / (totals[1]! + 2)
  const low = 1 / (totals[0]! + 2)
  return Float64Array.from(labels, (label) => (label === 1 ? high : low))
}

function lossOf({ scores, weights, targets }: Rows, { slope, offset }: Line): number {
  let loss = 0
  for (let i = 0; i < scores.length; i++) {
    const z = slope * scores[i]! + offset
    const own = Math.max(z, 0) - targets[i]! * z + Math.log1p(Math.exp(-Math.abs(z)))
    loss += weights ? weights[i]! * own : own
  }
  return loss
}

function slopes({ scores, weights, targets }: Rows, { slope, offset }: Line) {
  const gradient: [number, number] = [0, 0]
  const hessian: [number, number, number] = [RIDGE, 0, RIDGE]
  let total = 0
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!
    const weight = weights ? weights[i]! : 1
    const p = 1 / (1 + Math.exp(-slope * score - offset))
    const error = weight * (p - targets[i]!)
    const steep = weight * p * (1 - p)
    gradient[0] += error * score
    gradient[1] += error
    hessian[0] += steep * score * score
    hessian[1] += steep * score
    hessian[2] += steep
    total += weight
  }
  return { gradient, hessian, total }
}

/** The log-odds of the second class alone. */
function offsetOf({ targets, weights }: Rows): number {
  let hits = 0
  let total = 0
  for (let i = 0; i < targets.length; i++) {
    const weight = weights ? weights[i]! : 1
    hits += weight * targets[i]!
    total += weight
  }
  return Math.log(hits / (total - hits))
}
