// How the errors of predicted numbers are spread. The outermost bins take what lies beyond them: one wild error must not
// press all others into one bin.
import { quantile } from './quantiles.ts'
import { sixDigits } from './rounding.ts'

export interface ResidualHistogram {
  /** Borders of the bins, ascending, one more than `counts`; in units of the target, predicted − actual. */
  readonly edges: readonly number[]
  readonly counts: readonly number[]
}

const BINS = 20
const OUTSIDE = 0.005

/** Errors as predicted − actual, not empty. */
export function residualHistogram(errors: Float64Array): ResidualHistogram {
  const sorted = Float64Array.from(errors).sort()
  const low = quantile(sorted, OUTSIDE)
  const high = quantile(sorted, 1 - OUTSIDE)
  if (!(high > low)) return { edges: [sixDigits(low), sixDigits(high)], counts: [errors.length] }
  const counts = new Array<number>(BINS).fill(0)
  for (const error of sorted) {
    const bin = Math.floor(((error - low) / (high - low)) * BINS)
    counts[Math.min(BINS - 1, Math.max(0, bin))]!++
  }
  return { edges: Array.from({ length: BINS + 1 }, (_, i) => sixDigits(low + ((high - low) * i) / BINS)), counts }
}
