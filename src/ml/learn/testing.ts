// What the tests of this folder share: matrices and targets in one line, and a small sample with its reference values.
import { seededRandom } from '../../core/random.ts'
import type { DenseMatrix, SparseMatrix } from '../matrix.ts'
import type { ClassTarget, NumberTarget } from './learner.ts'

export function dense(rows: readonly (readonly number[])[]): DenseMatrix {
  return { form: 'dense', rows: rows.length, cols: rows[0]?.length ?? 0, values: Float32Array.from(rows.flat()) }
}

export function sparse({ rows, cols, values }: DenseMatrix): SparseMatrix {
  const offsets = [0]
  const indices: number[] = []
  const kept: number[] = []
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < cols; j++) {
      if (values[row * cols + j] === 0) continue
      indices.push(j)
      kept.push(values[row * cols + j]!)
    }
    offsets.push(indices.length)
  }
  return {
    form: 'csr',
    rows,
    cols,
    offsets: Uint32Array.from(offsets),
    indices: Uint32Array.from(indices),
    values: Float32Array.from(kept),
  }
}

export function classTarget(labels: readonly number[], classes = Math.max(...labels) + 1): ClassTarget {
  const names = Array.from({ length: classes }, (_, k) => String(k))
  return { task: 'classification', dtype: 'integer', classes: names, labels: Int32Array.from(labels) }
}

export function numberTarget(values: readonly number[]): NumberTarget {
  return { task: 'regression', values: Float64Array.from(values) }
}

/** Normal features, `zeros` of them (0..1) put to zero. */
export function randomRows(seed: number, { rows, cols, zeros = 0 }: { rows: number; cols: number; zeros?: number }) {
  const random = seededRandom(seed)
  return Array.from({ length: rows }, () =>
    Array.from({ length: cols }, () => {
      const value = random.normal()
      return random.next() < zeros ? 0 : value
    }),
  )
}

/** 16 rows drawn once; every reference value in the tests of this folder was computed on them by scikit-learn 1.9.1. */
export const SAMPLE = {
  matrix: dense([
    [1.69, -0.47, 0.03],
    [0.41, -0.79, 0],
    [0, -1.75, 1.02],
    [0.6, -0.63, -0.17],
    [0.51, -0.26, -0.24],
    [-1.45, 0.55, 0.12],
    [0.27, -1.53, 1.65],
    [0.15, -0.39, 2.03],
    [-0.05, -1.45, -0.41],
    [-2.29, 1.05, -0.42],
    [-0.74, 1.07, -1.65],
    [0.54, -2.06, -0.66],
    [-1.2, 1.46, 1.77],
    [-0.33, 0.84, -0.18],
    [0.57, -0.75, -1.71],
    [-1.8, 0.38, 2.25],
  ]),
  two: classTarget([1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0]),
  three: classTarget([2, 2, 2, 2, 2, 0, 2, 2, 1, 0, 0, 2, 0, 0, 2, 1]),
  numbers: numberTarget([
    13.34, 7.48, 14.78, 9.5, 8.01, -0.06, 10.95, 8.04, 4.65, -4.02, -1.02, 14.14, -1.08, -2.09, 7.45, 4.43,
  ]),
  weights: Float64Array.of(0.3, 0.7, 0.6, 0.6, 0.3, 0.8, 0.9, 1.5, 1.6, 1, 0.9, 1.6, 1.8, 1.3, 1.6, 1.9),
}

/** Iterates to the last digit, to be compared with reference values. */
export const EXACT = { tolerance: 1e-9, max_iterations: 10_000 }

/** Largest difference between two rows of numbers. */
export function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
}
