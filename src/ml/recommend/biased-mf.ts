// Matrix factorisation of ratings with biases (Koren, Bell and Volinsky 2009): r = mean + user's bias + item's bias + p·q.
// Fitted by alternating ridge regressions instead of gradient steps: no learning rate, and few sweeps are enough.
import { seededRandom } from '../../core/random.ts'
import { solveCholesky } from '../learn/cholesky.ts'
import { type SparseMatrix, transpose } from './feedback.ts'

export interface BiasedMfOptions {
  /** 0: biases alone. */
  readonly factors: number
  /** Penalty on the factors. */
  readonly regularisation: number
  /** Penalty on the biases: acts as so many ratings at the mean. */
  readonly biasRegularisation: number
  readonly iterations: number
  readonly seed: number
}

export interface RatingModel {
  readonly mean: number
  readonly size: number
  readonly userBias: Float32Array
  readonly itemBias: Float32Array
  /** Users × size. */
  readonly users: Float32Array
  /** Items × size. */
  readonly items: Float32Array
}

export function fitBiasedMf(ratings: SparseMatrix, options: BiasedMfOptions): RatingModel {
  const { factors: size, iterations, seed } = options
  const random = seededRandom(seed)
  const mean = ratings.values.length > 0 ? ratings.values.reduce((a, b) => a + b, 0) / ratings.values.length : 0
  const users = { bias: new Float32Array(ratings.rows), vectors: new Float32Array(ratings.rows * size) }
  const items = {
    bias: new Float32Array(ratings.columns),
    vectors: Float32Array.from({ length: ratings.columns * size }, () => 0.1 * random.normal()),
  }
  const byItem = transpose(ratings)
  for (let iteration = 0; iteration < iterations; iteration++) {
    solveSide(ratings, items, { into: users, mean, options })
    solveSide(byItem, users, { into: items, mean, options })
  }
  return {
    mean,
    size,
    userBias: users.bias,
    itemBias: items.bias,
    users: users.vectors,
    items: items.vectors,
  }
}

interface Part {
  readonly bias: Float32Array
  readonly vectors: Float32Array
}

interface Side {
  readonly into: Part
  readonly mean: number
  readonly options: BiasedMfOptions
}

/** One ridge regression a row: its bias and its factors at once, on what the others leave of its ratings. */
function solveSide(cells: SparseMatrix, others: Part, { into, mean, options }: Side): void {
  const { factors: size, regularisation, biasRegularisation } = options
  const width = size + 1
  const matrix = new Float64Array(width * width)
  const right = new Float64Array(width)
  const row = new Float64Array(width)
  row[0] = 1
  for (let r = 0; r < cells.rows; r++) {
    matrix.fill(0)
    right.fill(0)
    for (let at = cells.starts[r]!; at < cells.starts[r + 1]!; at++) {
      const other = cells.indices[at]!
      for (let k = 0; k < size; k++) row[k + 1] = others.vectors[other * size + k]!
      const left = cells.values[at]! - mean - others.bias[other]!
      for (let i = 0; i < width; i++) {
        right[i]! += row[i]! * left
        for (let j = 0; j <= i; j++) matrix[i * width + j]! += row[i]! * row[j]!
      }
    }
    for (let i = 0; i < width; i++) matrix[i * width + i]! += i === 0 ? biasRegularisation : regularisation
    if (!solveCholesky(matrix, right)) continue
    into.bias[r] = right[0]!
    into.vectors.set(right.subarray(1), r * size)
  }
}

/** The rating a user would give. Users and items without ratings have biases and factors of 0. */
export function predictRating(model: RatingModel, user: number, item: number): number {
  const { mean, size, userBias, itemBias, users, items } = model
  let sum = mean + userBias[user]! + itemBias[item]!
  for (let k = 0; k < size; k++) sum += users[user * size + k]! * items[item * size + k]!
  return sum
}
