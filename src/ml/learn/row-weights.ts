// The weight of each row: its sample weight times the weight of its class.
import type { ClassTarget } from './learner.ts'

export type ClassWeight = 'balanced' | 'none'

export interface RowWeights {
  /** Undefined where every row weighs 1, which is the fast case. */
  readonly weights: Float64Array | undefined
  readonly total: number
}

/**
 * `balanced` gives each class the same total: rows / (classes present × rows of the class), counted in sample weights, as
 * scikit-learn's class_weight='balanced' does.
 */
export function rowWeights(
  { labels, classes }: Pick<ClassTarget, 'labels' | 'classes'>,
  sampleWeights: Float64Array | undefined,
  classWeight: ClassWeight,
): RowWeights {
  if (classWeight === 'none') return totalled(labels.length, sampleWeights)
  const counts = classTotals(labels, classes.length, sampleWeights)
  const total = counts.reduce((sum, count) => sum + count, 0)
  const present = counts.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0)
  const factors = counts.map((count) => (count > 0 ? total / (present * count) : 0))
  return totalled(
    labels.length,
    Float64Array.from(labels, (label, row) => factors[label]! * (sampleWeights ? sampleWeights[row]! : 1)),
  )
}

export function totalled(rows: number, weights: Float64Array | undefined): RowWeights {
  if (!weights || weights.every((weight) => weight === 1)) return { weights: undefined, total: rows }
  return { weights, total: weights.reduce((sum, weight) => sum + weight, 0) }
}

/** Summed weight of each class. */
export function classTotals(labels: Int32Array, classes: number, weights: Float64Array | undefined): Float64Array {
  const totals = new Float64Array(classes)
  for (let row = 0; row < labels.length; row++) totals[labels[row]!]! += weights ? weights[row]! : 1
  return totals
}
