// The loss of multinomial logistic regression, per unit of weight. Weights lie feature by feature, the classes of one
// feature side by side: a sparse row then reads and writes whole runs of memory, which is where the time goes with
// many classes.
import type { DenseMatrix, SparseMatrix } from '../matrix.ts'
import { addPenalty, type LossInput } from './logistic-loss.ts'
import type { Objective } from './minimise.ts'

/**
 * (Σ wᵢ·−log softmax(zᵢ)[yᵢ] + l2/2·‖B‖²) / Σ wᵢ. Parameters: B[column · classes + class], then one unpenalised intercept
 * for each class. `labels` holds class numbers below `classes`.
 */
export function softmaxLoss(input: LossInput, labels: Int32Array, classes: number): Objective {
  const { matrix, weights, totalWeight, l2, intercept } = input
  const { rows, cols } = matrix
  const penalised = cols * classes
  const scale = 1 / totalWeight
  const scores = new Float64Array(classes)
  const starts = new Float64Array(classes)
  const sums = new Float64Array(classes)
  return {
    size: penalised + (intercept ? classes : 0),
    evaluate(at, gradient) {
      gradient.fill(0)
      sums.fill(0)
      if (intercept) starts.set(at.subarray(penalised))
      let loss = 0
      for (let row = 0; row < rows; row++) {
        scores.set(starts)
        if (matrix.form === 'csr') addRowSparse(matrix, row, { parameters: at, scores })
        else addRowDense(matrix, row, { parameters: at, scores })
        loss += toResiduals(scores, labels[row]!, weights ? weights[row]! : 1)
        for (let k = 0; k < classes; k++) sums[k]! += scores[k]!
        if (matrix.form === 'csr') addGradientSparse(matrix, row, { gradient, residuals: scores })
        else addGradientDense(matrix, row, { gradient, residuals: scores })
      }
      const penalty = addPenalty(at, gradient, { count: penalised, l2, scale })
      if (intercept) for (let k = 0; k < classes; k++) gradient[penalised + k] = sums[k]! * scale
      return loss * scale + penalty
    },
  }
}

interface Forward {
  readonly parameters: Float64Array
  /** One for each class; the row's scores are added. */
  readonly scores: Float64Array
}

interface Backward {
  readonly gradient: Float64Array
  readonly residuals: Float64Array
}

export function addRowSparse({ offsets, indices, values }: SparseMatrix, row: number, { parameters, scores }: Forward): void {
  const classes = scores.length
  const end = offsets[row + 1]!
  for (let i = offsets[row]!; i < end; i++) {
    const value = values[i]!
    let p = indices[i]! * classes
    for (let k = 0; k < classes; k++) scores[k]! += value * parameters[p++]!
  }
}

export function addRowDense({ values, cols }: DenseMatrix, row: number, { parameters, scores }: Forward): void {
  const classes = scores.length
  let at = row * cols
  let p = 0
  for (let j = 0; j < cols; j++) {
    const value = values[at++]!
    for (let k = 0; k < classes; k++) scores[k]! += value * parameters[p++]!
  }
}

function addGradientSparse({ offsets, indices, values }: SparseMatrix, row: number, { gradient, residuals }: Backward): void {
  const classes = residuals.length
  const end = offsets[row + 1]!
  for (let i = offsets[row]!; i < end; i++) {
    const value = values[i]!
    let p = indices[i]! * classes
    for (let k = 0; k < classes; k++) gradient[p++]! += value * residuals[k]!
  }
}

function addGradientDense({ values, cols }: DenseMatrix, row: number, { gradient, residuals }: Backward): void {
  const classes = residuals.length
  let at = row * cols
  let p = 0
  for (let j = 0; j < cols; j++) {
    const value = values[at++]!
    for (let k = 0; k < classes; k++) gradient[p++]! += value * residuals[k]!
  }
}

/** Puts weight·(probability − is the class) in place of each score; answers weight·loss. */
function toResiduals(scores: Float64Array, label: number, weight: number): number {
  const classes = scores.length
  let top = Number.NEGATIVE_INFINITY
  for (let k = 0; k < classes; k++) if (scores[k]! > top) top = scores[k]!
  const own = scores[label]! - top
  let sum = 0
  for (let k = 0; k < classes; k++) {
    const value = Math.exp(scores[k]! - top)
    scores[k] = value
    sum += value
  }
  const factor = weight / sum
  for (let k = 0; k < classes; k++) scores[k]! *= factor
  scores[label]! -= weight
  return weight * (Math.log(sum) - own)
}
