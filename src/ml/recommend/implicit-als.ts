// Matrix factorisation for implicit feedback by alternating least squares (Hu, Koren and Volinsky 2008): everybody prefers
// what they used (1) to what they did not (0), with a confidence of 1 + alpha × weight. The sum over all the zeros costs
// nothing because YᵀY is computed once a sweep.
import { seededRandom } from '../../core/random.ts'
import { solveCholesky } from '../learn/cholesky.ts'
import { type SparseMatrix, transpose } from './feedback.ts'

export interface AlsOptions {
  readonly factors: number
  readonly alpha: number
  readonly regularisation: number
  readonly iterations: number
  readonly seed: number
}

export interface Factors {
  readonly size: number
  /** Users × size. */
  readonly users: Float32Array
  /** Items × size. */
  readonly items: Float32Array
}

/** A user's predicted preference for an item is the inner product of their factors: about 0 to 1. */
export function fitImplicitAls(preferences: SparseMatrix, options: AlsOptions): Factors {
  const { factors: size, iterations, seed } = options
  const random = seededRandom(seed)
  const start = (count: number) => Float32Array.from({ length: count * size }, () => (0.1 * random.normal()) / size)
  const users = start(preferences.rows)
  const items = start(preferences.columns)
  const byItem = transpose(preferences)
  for (let iteration = 0; iteration < iterations; iteration++) {
    solveSide(preferences, items, { into: users, options })
    solveSide(byItem, users, { into: items, options })
  }
  return { size, users, items }
}

interface Side {
  readonly into: Float32Array
  readonly options: AlsOptions
}

function solveSide(cells: SparseMatrix, others: Float32Array, { into, options }: Side): void {
  const { factors: size } = options
  const gram = gramOf(others, size)
  const matrix = new Float64Array(size * size)
  const right = new Float64Array(size)
  for (let row = 0; row < cells.rows; row++) {
    const [from, to] = [cells.starts[row]!, cells.starts[row + 1]!]
    if (from === to) {
      into.fill(0, row * size, (row + 1) * size)
      continue
    }
    matrix.set(gram)
    right.fill(0)
    for (let at = from; at < to; at++) {
      const extra = options.alpha * cells.values[at]!
      const other = cells.indices[at]! * size
      for (let i = 0; i < size; i++) {
        const scaled = extra * others[other + i]!
        right[i]! += scaled + others[other + i]!
        for (let j = 0; j <= i; j++) matrix[i * size + j]! += scaled * others[other + j]!
      }
    }
    for (let i = 0; i < size; i++) matrix[i * size + i]! += options.regularisation
    if (solveCholesky(matrix, right)) into.set(right, row * size)
  }
}

/** The lower triangle of YᵀY. */
function gramOf(vectors: Float32Array, size: number): Float64Array {
  const gram = new Float64Array(size * size)
  for (let at = 0; at < vectors.length; at += size) {
    for (let i = 0; i < size; i++) {
      const value = vectors[at + i]!
      if (value === 0) continue
      for (let j = 0; j <= i; j++) gram[i * size + j]! += value * vectors[at + j]!
    }
  }
  return gram
}
