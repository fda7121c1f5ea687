// Quality of predicted numbers, as single figures for the registry and in detail for a person.
import { fail } from '../../core/failure.ts'
import { type ResidualHistogram, residualHistogram } from './residuals.ts'

export interface RegressionInput {
  readonly actual: Float64Array
  readonly predicted: Float32Array | Float64Array
}

export interface RegressionDetails {
  readonly rows: number
  readonly target: { readonly mean: number; readonly min: number; readonly max: number }
  /** predicted − actual */
  readonly errors: {
    readonly mean: number
    readonly p50_absolute: number
    readonly p95_absolute: number
    readonly max_absolute: number
  }
  readonly residuals: ResidualHistogram
}

export interface RegressionQuality {
  /** By the names of METRICS; r2 is left out where the target does not vary, mape where it is 0 somewhere. */
  readonly metrics: Readonly<Record<string, number>>
  readonly details: RegressionDetails
}

/** Throws `invalid` EVALUATION_EMPTY without rows. */
export function evaluateRegression({ actual, predicted }: RegressionInput): RegressionQuality {
  const rows = actual.length
  if (rows === 0) throw fail('invalid', 'EVALUATION_EMPTY', 'There are no rows to evaluate on: hold out more rows')
  if (predicted.length !== rows) {
    throw fail('internal', 'EVALUATION_SHAPE', `${predicted.length} predictions do not fit ${rows} rows`)
  }
  const mean = meanOf(actual)
  const errors = actual.map((value, row) => predicted[row]! - value)
  const absolute = errors.map(Math.abs).sort()
  const squares = sumOf(errors, (error) => error * error)
  // The mean of equal numbers is hardly ever exactly that number.
  const variation = actual.every((value) => value === actual[0]) ? 0 : sumOf(actual, (value) => (value - mean) ** 2)
  const figures = {
    rmse: Math.sqrt(squares / rows),
    mae: meanOf(absolute),
    mape: meanOf(errors.map((error, row) => Math.abs(error / actual[row]!))),
    r2: variation > 0 ? 1 - squares / variation : Number.NaN,
  }
  return {
    metrics: Object.fromEntries(Object.entries(figures).filter(([, value]) => Number.isFinite(value))),
    details: {
      rows,
      target: {
        mean,
        min: actual.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY),
        max: actual.reduce((high, value) => Math.max(high, value), Number.NEGATIVE_INFINITY),
      },
      errors: {
        mean: meanOf(errors),
        p50_absolute: absolute[Math.floor((rows - 1) * 0.5)]!,
        p95_absolute: absolute[Math.floor((rows - 1) * 0.95)]!,
        max_absolute: absolute[rows - 1]!,
      },
      residuals: residualHistogram(errors),
    },
  }
}

function sumOf(values: Float64Array, of: (value: number) => number): number {
  let sum = 0
  for (const value of values) sum += of(value)
  return sum
}

function meanOf(values: Float64Array): number {
  return sumOf(values, (value) => value) / values.length
}
