// Ridge regression for wide tables: conjugate gradients on the normal equations with the diagonal as preconditioner
// (Hestenes and Stiefel 1952; Saad 2003, algorithm 9.1). Only products with X and Xᵀ are needed; centring is done by
// subtracting the mean from the products, so a sparse matrix stays sparse.
import { dot } from './curvature.ts'
import { type LearningHooks, throwIfStopped } from './learner.ts'
import type { Centre, WeightedRows } from './normal-equations.ts'
import { addTransposed, blockRows, timesVector } from './products.ts'

export interface ConjugateOptions {
  readonly l2: number
  readonly maxIterations: number
  /** Residual at which to stop, relative to the first. */
  readonly tolerance: number
  readonly hooks: LearningHooks
  /** Weights to start from; zeros where absent. It does not move the goal. */
  readonly start?: Float64Array | undefined
}

export interface ConjugateResult {
  readonly weights: Float64Array
  readonly iterations: number
  readonly converged: boolean
}

export function solveByConjugateGradients(
  data: WeightedRows,
  centre: Centre,
  { l2, maxIterations, tolerance, hooks, start }: ConjugateOptions,
): ConjugateResult {
  const { cols } = data.matrix
  const weights = start ? Float64Array.from(start) : new Float64Array(cols)
  const inverse = inverseDiagonal(data, centre, l2)
  const residual = applyTransposed(data, centre, targetResiduals(data, centre))
  const scaled = residual.map((value, j) => value * inverse[j]!)
  const first = Math.sqrt(dot(residual, scaled))
  const goal = tolerance * first
  if (start) {
    const image = applyGram(data, centre, { vector: weights, l2 })
    for (let j = 0; j < cols; j++) {
      residual[j]! -= image[j]!
      scaled[j] = residual[j]! * inverse[j]!
    }
  }
  const direction = Float64Array.from(scaled)
  let size = dot(residual, scaled)
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    throwIfStopped(hooks)
    if (Math.sqrt(size) <= goal) return { weights, iterations: iteration, converged: true }
    const image = applyGram(data, centre, { vector: direction, l2 })
    const curvature = dot(direction, image)
    if (!(curvature > 0)) return { weights, iterations: iteration, converged: true }
    const step = size / curvature
    for (let j = 0; j < cols; j++) {
      weights[j]! += step * direction[j]!
      residual[j]! -= step * image[j]!
      scaled[j] = residual[j]! * inverse[j]!
    }
    const before = size
    size = dot(residual, scaled)
    for (let j = 0; j < cols; j++) direction[j] = scaled[j]! + (size / before) * direction[j]!
    const gained = Math.log(first / Math.sqrt(size)) / Math.log(1 / tolerance)
    const done = Math.min(1, Math.max(gained, (iteration + 1) / maxIterations))
    hooks.onProgress?.({
      iteration: iteration + 1,
      loss: Math.sqrt(size) / first,
      done: Number.isFinite(done) ? done : 1,
    })
  }
  return { weights, iterations: maxIterations, converged: Math.sqrt(size) <= goal }
}

function targetResiduals({ values }: WeightedRows, { targetMean }: Centre): Float64Array {
  return values.map((value) => value - targetMean)
}

/** (X − mean)ᵀ·W·factors */
function applyTransposed({ matrix, weights }: WeightedRows, { means }: Centre, factors: Float64Array): Float64Array {
  if (weights) for (let row = 0; row < factors.length; row++) factors[row]! *= weights[row]!
  const out = new Float64Array(matrix.cols)
  addTransposed(matrix, factors, out, { from: 0, to: matrix.rows })
  const sum = factors.reduce((total, factor) => total + factor, 0)
  for (let j = 0; j < out.length; j++) out[j]! -= sum * means[j]!
  return out
}

/** ((X − mean)ᵀ·W·(X − mean) + l2)·vector, in one pass over the rows. */
function applyGram(
  { matrix, weights }: WeightedRows,
  { means }: Centre,
  { vector, l2 }: { vector: Float64Array; l2: number },
): Float64Array {
  const out = new Float64Array(matrix.cols)
  const rows = blockRows(matrix)
  const products = new Float64Array(rows)
  const start = -dot(means, vector)
  let sum = 0
  for (let from = 0; from < matrix.rows; from += rows) {
    const to = Math.min(matrix.rows, from + rows)
    timesVector(matrix, vector, products, { from, to, start })
    if (weights) for (let r = 0; r < to - from; r++) products[r]! *= weights[from + r]!
    for (let r = 0; r < to - from; r++) sum += products[r]!
    addTransposed(matrix, products, out, { from, to })
  }
  for (let j = 0; j < out.length; j++) out[j]! += l2 * vector[j]! - sum * means[j]!
  return out
}

function inverseDiagonal({ matrix, weights, total }: WeightedRows, { means }: Centre, l2: number): Float64Array {
  const squares = new Float64Array(matrix.cols)
  for (let row = 0; row < matrix.rows; row++) {
    const weight = weights ? weights[row]! : 1
    const start = matrix.form === 'dense' ? row * matrix.cols : matrix.offsets[row]!
    const end = matrix.form === 'dense' ? start + matrix.cols : matrix.offsets[row + 1]!
    for (let i = start; i < end; i++) {
      const column = matrix.form === 'dense' ? i - start : matrix.indices[i]!
      squares[column]! += weight * matrix.values[i]! * matrix.values[i]!
    }
  }
  return squares.map((square, j) => {
    const diagonal = square - total * means[j]! * means[j]! + l2
    return diagonal > 1e-12 * square && diagonal > 0 ? 1 / diagonal : 0
  })
}
