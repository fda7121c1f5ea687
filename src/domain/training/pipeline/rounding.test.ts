import { expect, test } from 'vitest'
import type { FittedModel } from '../../../ml/learn/index.ts'
import type { DenseMatrix } from '../../../ml/matrix.ts'
import { roundingBounds } from './rounding.ts'

/** Predicts the weighted sum of two features. */
const weighing = (first: number, second: number): FittedModel => ({
  iterations: 1,
  converged: true,
  warnings: [],
  predict: ({ rows, values }) => ({
    rows,
    width: 1,
    values: Float64Array.from({ length: rows }, (_, row) => first * values[2 * row]! + second * values[2 * row + 1]!),
  }),
  write: () => {},
})
const matrix: DenseMatrix = { form: 'dense', rows: 2, cols: 2, values: Float32Array.of(1, 1, 0, 0) }

test('terms that cancel are given room in proportion to their size', () => {
  const [cancelling, zero] = roundingBounds(weighing(1e6, -1e6), matrix)
  expect(cancelling).toBeGreaterThan(1)
  expect(cancelling).toBeLessThan(10)
  expect(zero).toBe(0)
})

test('ordinary terms are given next to none', () => {
  expect(roundingBounds(weighing(1, 1), matrix)[0]).toBeLessThan(1e-5)
})
