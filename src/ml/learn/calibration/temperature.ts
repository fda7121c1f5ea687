// Temperature scaling for more than two classes: softmax(scores·factor), one factor for all (Guo et al. 2017, "On
// calibration of modern neural networks"). A linear model absorbs the factor into its weights, and the most probable class stays
// the same. Where every row is right the likelihood asks for certainty, so the logarithm of the factor has a normal prior; see
// docs/decisions/054-no-certainty-from-few-rows.md.

export interface ScoredClasses {
  /** Row-major, rows × classes, of rows that the model did not learn from. */
  readonly scores: Float64Array
  readonly classes: number
  readonly labels: Int32Array
  readonly weights?: Float64Array | undefined
}

const MAX_ITERATIONS = 60
const TOLERANCE = 1e-9
const SMALLEST = 1e-3
const LARGEST = 1e3

/** Where Σ weight·loss + ln(factor)²/2 is lowest, between 0.001 and 1000: a factor of e either way is one standard deviation. */
export function fitTemperature(rows: ScoredClasses): number {
  let low = SMALLEST
  let high = LARGEST
  let factor = 1
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    const { slope, steepness, total } = slopes(rows, factor)
    // Both by the logarithm of the factor.
    const pull = factor * slope + Math.log(factor)
    const bend = factor * factor * steepness + factor * slope + 1
    if (Math.abs(pull) <= TOLERANCE * (total + 1)) break
    if (pull > 0) high = factor
    else low = factor
    const next = factor * Math.exp(-pull / bend)
    // Newton where it stays inside what is known to hold the minimum, else the geometric middle of it.
    factor = bend > 0 && next > low && next < high ? next : Math.sqrt(low * high)
    if (high / low < 1 + TOLERANCE) break
  }
  return factor
}

/** First and second derivative of Σ w·−log softmax(factor·scores)[label] by the factor. */
function slopes({ scores, classes, labels, weights }: ScoredClasses, factor: number) {
  let slope = 0
  let steepness = 0
  let total = 0
  for (let row = 0; row < labels.length; row++) {
    const start = row * classes
    let top = Number.NEGATIVE_INFINITY
    for (let k = 0; k < classes; k++) top = Math.max(top, scores[start + k]!)
    let sum = 0
    let mean = 0
    let square = 0
    for (let k = 0; k < classes; k++) {
      const gap = scores[start + k]! - top
      const share = Math.exp(factor * gap)
      sum += share
      mean += share * gap
      square += share * gap * gap
    }
    mean /= sum
    const weight = weights ? weights[row]! : 1
    slope += weight * (mean - (scores[start + labels[row]!]! - top))
    steepness += weight * (square / sum - mean * mean)
    total += weight
  }
  return { slope, steepness, total }
}
