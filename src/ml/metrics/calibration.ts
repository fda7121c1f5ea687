// Do things said to be 80 % probable happen in 80 % of the cases? Bins of equally many rows, as calibration_curve of
// scikit-learn with strategy="quantile": equal widths would leave most bins empty for a confident model.
import { quantile } from './quantiles.ts'
import { sixDigits } from './rounding.ts'

export interface CalibrationBin {
  /** Mean probability that was given. */
  readonly predicted: number
  /** Share of the rows in which it came true. */
  readonly observed: number
  readonly rows: number
}

export interface Calibration {
  /** `second_class`: its probability. `predicted_class`: the probability of whichever class was predicted. */
  readonly of: 'second_class' | 'predicted_class'
  readonly bins: readonly CalibrationBin[]
  /** Mean |predicted − observed| over the rows (expected calibration error). */
  readonly error: number
}

const BINS = 10

export interface CalibrationInput {
  readonly of: Calibration['of']
  readonly probabilities: Float64Array
  /** 1 where it came true. */
  readonly outcomes: Uint8Array
}

export function calibrate({ of, probabilities, outcomes }: CalibrationInput): Calibration {
  const sorted = Float64Array.from(probabilities).sort()
  const edges = Array.from({ length: BINS - 1 }, (_, i) => quantile(sorted, (i + 1) / BINS))
  const sums = edges.concat(0).map(() => ({ predicted: 0, observed: 0, rows: 0 }))
  for (let row = 0; row < probabilities.length; row++) {
    const probability = probabilities[row]!
    const found = edges.findIndex((edge) => probability <= edge)
    const bin = sums[found < 0 ? BINS - 1 : found]!
    bin.predicted += probability
    bin.observed += outcomes[row]!
    bin.rows++
  }
  const filled = sums.filter(({ rows }) => rows > 0)
  const error = filled.reduce((sum, bin) => sum + Math.abs(bin.predicted - bin.observed), 0) / probabilities.length
  const bins = filled.map(({ predicted, observed, rows }) => ({
    predicted: sixDigits(predicted / rows),
    observed: sixDigits(observed / rows),
    rows,
  }))
  return { of, bins, error: sixDigits(error) }
}
