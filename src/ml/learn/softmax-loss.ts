// The loss of multinomial logistic regression, per unit of weight. Weights lie feature by feature, the classes of one
// feature side by side: a sparse row then reads and writes whole runs of memory, which is where the time goes with
// many classes.
import type { DenseMatrix } from '../matrix.ts'
import { addPenalty, interceptTail, type LossInput } from './logistic-loss.ts'
import { manyClassesLoss } from './many-classes-loss.ts'
import type { Objective } from './minimise.ts'
import { addGradientSparse, addRowSparse, type Backward, type Forward } from './sparse-rows.ts'

/** From so many on, dense rows are worth what it takes to copy the weights to and fro. */
const MANY_CLASSES = 32

/**
 * (Σ wᵢ·−log softmax(zᵢ)[yᵢ] + l2/2·‖B‖²) / Σ wᵢ. Parameters: B[column · classes + class], then one unpenalised intercept
 * for each class. `labels` holds class numbers below `classes`.
 */
export function softmaxLoss(input: LossInput, labels: Int32Array, classes: number): Objective {
  if (input.matrix.form === 'dense' && classes >= MANY_CLASSES) {
    return manyClassesLoss({ ...input, matrix: input.matrix, labels, classes })
  }
  const { matrix, weights, totalWeight, l2, intercept } = input
  const { rows, cols } = matrix
  const penalised = cols * classes
  const scale = 1 / totalWeight
  const scores = new Float64Array(classes)
  const starts = new Float64Array(classes)
  const sums = new Float64Array(classes)
  return {
    size: penalised + (intercept ? classes : 0),
    tail: interceptTail({ matrix, totalWeight, l2 }, { from: penalised, steepness: (1 - 1 / classes) / classes }),
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

export function addRowDense({ values, cols }: DenseMatrix, row: number, { parameters, scores }: Forward): void {
  const classes = scores.length | 0
  const start = Math.imul(row, cols)
  for (let j = 0; j < cols; j = (j + 1) | 0) {
    const value = values[(start + j) | 0]!
    const at = Math.imul(j, classes)
    for (let k = 0; k < classes; k = (k + 1) | 0) scores[k]! += value * parameters[(at + k) | 0]!
  }
}

function addGradientDense({ values, cols }: DenseMatrix, row: number, { gradient, residuals }: Backward): void {
  const classes = residuals.length | 0
  const start = Math.imul(row, cols)
  for (let j = 0; j < cols; j = (j + 1) | 0) {
    const value = values[(start + j) | 0]!
    const at = Math.imul(j, classes)
    for (let k = 0; k < classes; k = (k + 1) | 0) gradient[(at + k) | 0]! += value * residuals[k]!
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
