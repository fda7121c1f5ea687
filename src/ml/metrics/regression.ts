// A regressor's answers on held-out rows, measured.

export interface RegressionEvaluation {
  readonly metrics: Record<string, number>
  /** Counts of actual − predicted in equal steps from `from` to `to`. */
  readonly residuals: { readonly from: number; readonly to: number; readonly counts: readonly number[] }
}

const RESIDUAL_STEPS = 20

/** R² is left out where the actual values do not vary. */
export function evaluateRegression(actual: Float64Array, predicted: Float64Array): RegressionEvaluation {
  const rows = actual.length
  const mean = actual.reduce((sum, value) => sum + value, 0) / rows
  let squared = 0
  let absolute = 0
  let variance = 0
  for (let i = 0; i < rows; i++) {
    const error = actual[i]! - predicted[i]!
    squared += error * error
    absolute += Math.abs(error)
    variance += (actual[i]! - mean) ** 2
  }
  const metrics: Record<string, number> = { rmse: Math.sqrt(squared / rows), mae: absolute / rows }
  if (variance > 0) metrics.r2 = 1 - squared / variance
  for (const [name, value] of Object.entries(metrics)) if (!Number.isFinite(value)) delete metrics[name]
  return { metrics, residuals: residualHistogram(actual, predicted) }
}

function residualHistogram(actual: Float64Array, predicted: Float64Array): RegressionEvaluation['residuals'] {
  const errors = actual.map((value, i) => value - predicted[i]!)
  let from = Number.POSITIVE_INFINITY
  let to = Number.NEGATIVE_INFINITY
  for (const error of errors) {
    from = Math.min(from, error)
    to = Math.max(to, error)
  }
  const counts = new Array<number>(RESIDUAL_STEPS).fill(0)
  const step = (to - from) / RESIDUAL_STEPS
  for (const error of errors) {
    const at = step > 0 ? Math.min(RESIDUAL_STEPS - 1, Math.floor((error - from) / step)) : 0
    counts[at]!++
  }
  return { from, to, counts }
}
