// Matrix times vector and transposed matrix times vector over a block of rows, dense and sparse. Dense rows are taken four
// at a time, so that one load of a weight serves four rows. `| 0` keeps the index arithmetic in 32-bit integers without
// overflow checks, which is worth a third of the time; a matrix of 2³¹ values or more is refused before it gets here.
import type { DenseMatrix, Matrix, SparseMatrix } from '../matrix.ts'

export interface RowBlock {
  readonly from: number
  /** Exclusive. */
  readonly to: number
}

/** Bytes of the matrix worth touching twice while they are still in the cache. */
const BLOCK_BYTES = 65536

/** Rows for one fused forward and backward pass. */
export function blockRows(matrix: Matrix): number {
  const rowBytes = matrix.form === 'dense' ? 4 * matrix.cols : (8 * matrix.values.length) / Math.max(1, matrix.rows)
  return Math.min(4096, Math.max(64, 4 * Math.floor(BLOCK_BYTES / 4 / Math.max(1, rowBytes))))
}

/** out[r] = start + row(from + r) · weights, for the rows of the block. */
export function timesVector(
  matrix: Matrix,
  weights: Float64Array,
  out: Float64Array,
  block: RowBlock & { start: number },
) {
  if (matrix.form === 'dense') timesVectorDense(matrix, weights, out, block)
  else timesVectorSparse(matrix, weights, out, block)
}

/** out[j] += Σ factors[r] · row(from + r)[j]. */
export function addTransposed(matrix: Matrix, factors: Float64Array, out: Float64Array, block: RowBlock): void {
  if (matrix.form === 'dense') addTransposedDense(matrix, factors, out, block)
  else addTransposedSparse(matrix, factors, out, block)
}

function timesVectorDense(
  { values, cols }: DenseMatrix,
  weights: Float64Array,
  out: Float64Array,
  { from, to, start }: RowBlock & { start: number },
): void {
  let row = from
  for (; row + 4 <= to; row += 4) {
    const a = (row * cols) | 0
    const b = (a + cols) | 0
    const c = (b + cols) | 0
    const d = (c + cols) | 0
    let sumA = start
    let sumB = start
    let sumC = start
    let sumD = start
    for (let j = 0; j < cols; j++) {
      const weight = weights[j]!
      sumA += values[(a + j) | 0]! * weight
      sumB += values[(b + j) | 0]! * weight
      sumC += values[(c + j) | 0]! * weight
      sumD += values[(d + j) | 0]! * weight
    }
    const r = row - from
    out[r] = sumA
    out[r + 1] = sumB
    out[r + 2] = sumC
    out[r + 3] = sumD
  }
  for (; row < to; row++) {
    let sum = start
    const a = (row * cols) | 0
    for (let j = 0; j < cols; j++) sum += values[(a + j) | 0]! * weights[j]!
    out[row - from] = sum
  }
}

function addTransposedDense(
  { values, cols }: DenseMatrix,
  factors: Float64Array,
  out: Float64Array,
  { from, to }: RowBlock,
): void {
  let row = from
  for (; row + 4 <= to; row += 4) {
    const a = (row * cols) | 0
    const b = (a + cols) | 0
    const c = (b + cols) | 0
    const d = (c + cols) | 0
    const r = row - from
    const factorA = factors[r]!
    const factorB = factors[r + 1]!
    const factorC = factors[r + 2]!
    const factorD = factors[r + 3]!
    for (let j = 0; j < cols; j++) {
      out[j]! +=
        factorA * values[(a + j) | 0]! +
        factorB * values[(b + j) | 0]! +
        (factorC * values[(c + j) | 0]! + factorD * values[(d + j) | 0]!)
    }
  }
  for (; row < to; row++) {
    const factor = factors[row - from]!
    const a = (row * cols) | 0
    for (let j = 0; j < cols; j++) out[j]! += factor * values[(a + j) | 0]!
  }
}

function timesVectorSparse(
  { offsets, indices, values }: SparseMatrix,
  weights: Float64Array,
  out: Float64Array,
  { from, to, start }: RowBlock & { start: number },
): void {
  let at = offsets[from]! | 0
  for (let row = from; row < to; row++) {
    const end = offsets[row + 1]! | 0
    let sum = start
    for (; at < end; at = (at + 1) | 0) sum += values[at]! * weights[indices[at]! | 0]!
    out[row - from] = sum
  }
}

function addTransposedSparse(
  { offsets, indices, values }: SparseMatrix,
  factors: Float64Array,
  out: Float64Array,
  { from, to }: RowBlock,
): void {
  let at = offsets[from]! | 0
  for (let row = from; row < to; row++) {
    const end = offsets[row + 1]! | 0
    const factor = factors[row - from]!
    for (; at < end; at = (at + 1) | 0) out[indices[at]! | 0]! += factor * values[at]!
  }
}
