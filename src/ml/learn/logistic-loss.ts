// The loss of binary logistic regression, per unit of weight: one pass over the rows yields value and gradient, block by
// block while the rows are in the cache. With equal weights the logarithms of a block are one logarithm of a product.
import type { Matrix } from '../matrix.ts'
import type { Tail } from './curvature.ts'
import type { Objective } from './minimise.ts'
import { addTransposed, blockRows, timesVector } from './products.ts'

export interface LossInput {
  readonly matrix: Matrix
  /** One for each row, or undefined where all are 1. */
  readonly weights: Float64Array | undefined
  readonly totalWeight: number
  readonly l2: number
  readonly intercept: boolean
}

/**
 * (Σ wᵢ·log(1 + exp(−±zᵢ)) + l2/2·‖β‖²) / Σ wᵢ with z = xβ + β₀. Parameters: one for each column, then the intercept,
 * which is not penalised. `labels` holds 0 and 1.
 */
export function logisticLoss(
  { matrix, weights, totalWeight, l2, intercept }: LossInput,
  labels: Int32Array,
): Objective {
  const { rows, cols } = matrix
  const step = blockRows(matrix)
  const margins = new Float64Array(step)
  const scale = 1 / totalWeight
  return {
    size: cols + (intercept ? 1 : 0),
    tail: interceptTail({ matrix, totalWeight, l2 }, { from: cols, steepness: 0.25 }),
    evaluate(at, gradient) {
      const start = intercept ? at[cols]! : 0
      let loss = 0
      let residuals = 0
      gradient.fill(0)
      for (let from = 0; from < rows; from += step) {
        const to = Math.min(rows, from + step)
        timesVector(matrix, at, margins, { from, to, start })
        loss += weights
          ? weightedResiduals(margins, labels, { weights, from, to })
          : equalResiduals(margins, labels, { from, to })
        if (intercept) for (let r = 0; r < to - from; r++) residuals += margins[r]!
        addTransposed(matrix, margins, gradient, { from, to })
      }
      const penalty = addPenalty(at, gradient, { count: cols, l2, scale })
      if (intercept) gradient[cols] = residuals * scale
      return loss * scale + penalty
    },
  }
}

/** Puts p − y in place of each margin; answers the summed loss. */
function equalResiduals(margins: Float64Array, labels: Int32Array, { from, to }: { from: number; to: number }): number {
  let loss = 0
  // Each factor is at most 2, so 512 of them stay below the largest double.
  for (let chunk = from; chunk < to; chunk += 512) {
    const end = Math.min(to, chunk + 512)
    let product = 1
    for (let row = chunk; row < end; row++) {
      const margin = margins[row - from]!
      const tail = Math.exp(-Math.abs(margin))
      const label = labels[row]!
      product *= 1 + tail
      loss += Math.max(margin, 0) - label * margin
      margins[row - from] = (margin > 0 ? 1 : tail) / (1 + tail) - label
    }
    loss += Math.log(product)
  }
  return loss
}

function weightedResiduals(
  margins: Float64Array,
  labels: Int32Array,
  { weights, from, to }: { weights: Float64Array; from: number; to: number },
): number {
  let loss = 0
  for (let row = from; row < to; row++) {
    const margin = margins[row - from]!
    const tail = Math.exp(-Math.abs(margin))
    const label = labels[row]!
    const weight = weights[row]!
    loss += weight * (Math.max(margin, 0) - label * margin + Math.log(1 + tail))
    margins[row - from] = weight * ((margin > 0 ? 1 : tail) / (1 + tail) - label)
  }
  return loss
}

/** Scales the summed gradient, adds the pull of the L2 penalty to its first `count` entries; answers the penalty. */
export function addPenalty(
  at: Float64Array,
  gradient: Float64Array,
  { count, l2, scale }: { count: number; l2: number; scale: number },
): number {
  const pull = l2 * scale
  let square = 0
  for (let i = 0; i < count; i++) {
    const value = at[i]!
    square += value * value
    gradient[i] = gradient[i]! * scale + pull * value
  }
  return 0.5 * pull * square
}

const SAMPLED_ROWS = 1000

interface InterceptPlace {
  readonly from: number
  /** Second derivative of a row's loss by its score. */
  readonly steepness: number
}

/** How much the curvature of the average column falls short of that of an intercept, from a sample of the rows. */
export function interceptTail(
  { matrix, totalWeight, l2 }: Pick<LossInput, 'matrix' | 'totalWeight' | 'l2'>,
  { from, steepness }: InterceptPlace,
): Tail {
  const stride = Math.max(1, Math.floor(matrix.rows / SAMPLED_ROWS))
  let square = 0
  let sampled = 0
  for (let row = 0; row < matrix.rows; row += stride) {
    const start = matrix.form === 'dense' ? row * matrix.cols : matrix.offsets[row]!
    const end = matrix.form === 'dense' ? start + matrix.cols : matrix.offsets[row + 1]!
    for (let i = start; i < end; i++) square += matrix.values[i]! * matrix.values[i]!
    sampled++
  }
  const spread = square / Math.max(1, sampled * matrix.cols)
  const factor = spread + l2 / (totalWeight * steepness)
  return { from, factor: factor > 0 && Number.isFinite(factor) ? factor : 1 }
}
