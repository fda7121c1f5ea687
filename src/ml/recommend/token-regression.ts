// What the words said of an entity (tags, interests, style) tell about its factors: a ridge regression of the factors on the
// tokens (attribute-to-feature mapping, Gantner et al. 2010), by which entities without any history get factors too.
// Solved by conjugate gradients, because the vocabulary is wide and each entity has few tokens.
import type { SparseMatrix } from './feedback.ts'

export interface TokenRegressionOptions {
  readonly size: number
  /** How much each entity counts; 0 leaves it out. */
  readonly weights: ArrayLike<number>
  readonly regularisation: number
}

const MOST_STEPS = 50
const TOLERANCE = 1e-4

/** Tokens × size: the factors of an entity are about the sum of those of its tokens. */
export function regressOnTokens(
  tokens: SparseMatrix,
  factors: Float32Array,
  { size, weights, regularisation }: TokenRegressionOptions,
): Float32Array {
  const found = new Float32Array(tokens.columns * size)
  for (let k = 0; k < size; k++) {
    const target = Float64Array.from({ length: tokens.rows }, (_, row) => weights[row]! * factors[row * size + k]!)
    const solution = conjugateGradients(timesTransposed(tokens, target), (v) => {
      const scaled = times(tokens, v)
      for (let row = 0; row < tokens.rows; row++) scaled[row]! *= weights[row]!
      const product = timesTransposed(tokens, scaled)
      for (let t = 0; t < product.length; t++) product[t]! += regularisation * v[t]!
      return product
    })
    for (let t = 0; t < tokens.columns; t++) found[t * size + k] = solution[t]!
  }
  return found
}

/** Entities × size: the sum of the factors of each one's tokens. */
export function sumOfTokens(tokens: SparseMatrix, tokenFactors: Float32Array, size: number): Float32Array {
  const sums = new Float32Array(tokens.rows * size)
  for (let row = 0; row < tokens.rows; row++) {
    for (let at = tokens.starts[row]!; at < tokens.starts[row + 1]!; at++) {
      const token = tokens.indices[at]! * size
      for (let k = 0; k < size; k++) sums[row * size + k]! += tokens.values[at]! * tokenFactors[token + k]!
    }
  }
  return sums
}

function conjugateGradients(right: Float64Array, apply: (v: Float64Array) => Float64Array): Float64Array {
  const x = new Float64Array(right.length)
  const residual = right.slice()
  const direction = right.slice()
  let squares = dot(residual, residual)
  const enough = TOLERANCE ** 2 * squares
  for (let step = 0; step < MOST_STEPS && squares > enough; step++) {
    const product = apply(direction)
    const length = squares / dot(direction, product)
    for (let i = 0; i < x.length; i++) {
      x[i]! += length * direction[i]!
      residual[i]! -= length * product[i]!
    }
    const next = dot(residual, residual)
    for (let i = 0; i < x.length; i++) direction[i] = residual[i]! + (next / squares) * direction[i]!
    squares = next
  }
  return x
}

function times({ rows, starts, indices, values }: SparseMatrix, v: Float64Array): Float64Array {
  const product = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    for (let at = starts[row]!; at < starts[row + 1]!; at++) product[row]! += values[at]! * v[indices[at]!]!
  }
  return product
}

function timesTransposed({ rows, columns, starts, indices, values }: SparseMatrix, v: Float64Array): Float64Array {
  const product = new Float64Array(columns)
  for (let row = 0; row < rows; row++) {
    for (let at = starts[row]!; at < starts[row + 1]!; at++) product[indices[at]!]! += values[at]! * v[row]!
  }
  return product
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
