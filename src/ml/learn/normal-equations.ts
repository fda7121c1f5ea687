// XᵀWX and XᵀWy around the column means, for the closed form of ridge regression. Dense rows are centred before they are
// multiplied, because subtracting n·mean·meanᵀ afterwards loses the digits of columns with a large mean.
import type { DenseMatrix, Matrix, SparseMatrix } from '../matrix.ts'

export interface Centre {
  readonly means: Float64Array
  readonly targetMean: number
}

export interface WeightedRows {
  readonly matrix: Matrix
  readonly values: Float64Array
  readonly weights: Float64Array | undefined
  readonly total: number
}

/** Weighted means of columns and target; zeros where no intercept is wanted. */
export function centreOf({ matrix, values, weights, total }: WeightedRows, intercept: boolean): Centre {
  const means = new Float64Array(matrix.cols)
  if (!intercept) return { means, targetMean: 0 }
  let sum = 0
  for (let row = 0; row < matrix.rows; row++) {
    const weight = weights ? weights[row]! : 1
    sum += weight * values[row]!
    if (matrix.form === 'dense') {
      const start = row * matrix.cols
      for (let j = 0; j < means.length; j++) means[j]! += weight * matrix.values[start + j]!
    } else {
      const end = matrix.offsets[row + 1]!
      for (let i = matrix.offsets[row]!; i < end; i++) means[matrix.indices[i]!]! += weight * matrix.values[i]!
    }
  }
  for (let j = 0; j < means.length; j++) means[j]! /= total
  return { means, targetMean: sum / total }
}

export interface NormalEquations {
  /** cols × cols; only the lower triangle is filled. */
  readonly gram: Float64Array
  readonly moment: Float64Array
}

export function normalEquations(data: WeightedRows, centre: Centre): NormalEquations {
  const { matrix } = data
  const equations = { gram: new Float64Array(matrix.cols ** 2), moment: new Float64Array(matrix.cols) }
  if (matrix.form === 'dense') fillDense(matrix, data, { centre, ...equations })
  else fillSparse(matrix, data, { centre, ...equations })
  return equations
}

interface Filling extends NormalEquations {
  readonly centre: Centre
}

const BLOCK = 4

/** Four centred rows at a time, so that an entry of the Gram matrix is loaded and stored once for four products. */
function fillDense(matrix: DenseMatrix, { values, weights }: WeightedRows, { centre, gram, moment }: Filling): void {
  const { rows, cols } = matrix
  const block = new Float64Array(BLOCK * cols)
  for (let from = 0; from < rows; from += BLOCK) {
    block.fill(0)
    for (let row = from; row < Math.min(rows, from + BLOCK); row++) {
      const root = weights ? Math.sqrt(weights[row]!) : 1
      const target = root * (values[row]! - centre.targetMean)
      const start = row * cols
      const place = (row - from) * cols
      for (let j = 0; j < cols; j++) {
        const value = root * (matrix.values[start + j]! - centre.means[j]!)
        block[place + j] = value
        moment[j]! += value * target
      }
    }
    addOuter(gram, block, cols)
  }
}

function addOuter(gram: Float64Array, block: Float64Array, cols: number): void {
  for (let i = 0; i < cols; i++) {
    const a = block[i]!
    const b = block[cols + i]!
    const c = block[2 * cols + i]!
    const d = block[3 * cols + i]!
    const start = Math.imul(i, cols)
    for (let j = 0; j <= i; j = (j + 1) | 0) {
      const first = a * block[j]! + b * block[(cols + j) | 0]!
      gram[(start + j) | 0]! += first + (c * block[(2 * cols + j) | 0]! + d * block[(3 * cols + j) | 0]!)
    }
  }
}

/** Only the non-zero pairs of a row are multiplied; the means of sparse columns are small enough to take off at the end. */
function fillSparse(matrix: SparseMatrix, { values, weights, total }: WeightedRows, filling: Filling): void {
  const { cols, offsets, indices, values: entries } = matrix
  const { centre, gram, moment } = filling
  const { means } = centre
  for (let row = 0; row < matrix.rows; row++) {
    const weight = weights ? weights[row]! : 1
    const target = weight * (values[row]! - centre.targetMean)
    const end = offsets[row + 1]!
    for (let i = offsets[row]!; i < end; i++) {
      const value = weight * entries[i]!
      const start = indices[i]! * cols
      moment[indices[i]!]! += entries[i]! * target
      for (let k = offsets[row]!; k < end; k++) {
        if (indices[k]! <= indices[i]!) gram[start + indices[k]!]! += value * entries[k]!
      }
    }
  }
  // The summed centred target is zero, so the moment needs no correction.
  for (let i = 0; i < cols; i++) {
    for (let j = 0; j <= i; j++) gram[i * cols + j]! -= total * means[i]! * means[j]!
  }
}
