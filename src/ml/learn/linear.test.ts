// Reference values: scikit-learn 1.9.1, Ridge, Lasso and LinearRegression on the sample of testing.ts. Lasso's alpha is
// l1 / rows.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { solveCholesky } from './cholesky.ts'
import { solveByConjugateGradients } from './conjugate-gradients.ts'
import { fitLinear } from './linear.ts'
import { centreOf } from './normal-equations.ts'
import { dense, EXACT, farthest, numberTarget, randomRows, SAMPLE, sparse } from './testing.ts'

const { matrix, numbers, weights } = SAMPLE

describe('linear regression', () => {
  it.each([
    ['ridge', { l2: 1 }, undefined, [2.483878, -3.13175, 1.12046, 5.224584]],
    ['weighted ridge', { l2: 2.5 }, weights, [1.812072, -3.200067, 1.027181, 4.698908]],
    ['no intercept', { l2: 1, fit_intercept: false }, undefined, [0.347079, -5.422701, 1.386583, 0]],
    ['least squares', { l2: 0 }, undefined, [2.568379, -3.255566, 1.190259, 5.189495]],
    ['elastic net', { l2: 2, l1: 8 }, undefined, [1.982798, -2.843625, 0.64604, 5.313754]],
    ['lasso', { l2: 0, l1: 8 }, undefined, [2.058799, -3.115701, 0.725117, 5.23119]],
  ] as const)('has the weights of scikit-learn: %s', (_, settings, sampleWeights, expected) => {
    const hyperparameters = { ...EXACT, ...settings }
    for (const form of [matrix, sparse(matrix)]) {
      const model = fitLinear({
        matrix: form,
        target: numbers,
        hyperparameters,
        ...(sampleWeights && { sampleWeights }),
      })
      expect(farthest([...model.weights, ...model.bias], expected)).toBeLessThan(2e-6)
    }
  })

  it('predicts', () => {
    const { values, width } = fitLinear({ matrix, target: numbers }).predict(matrix)
    expect(width).toBe(1)
    expect(farthest(values.subarray(0, 2), [10.927874, 8.717057])).toBeLessThan(2e-6)
  })

  it('drops a feature that an L1 penalty does not find worth it', () => {
    const model = fitLinear({ matrix, target: numbers, hyperparameters: { ...EXACT, l2: 0, l1: 40 } })
    expect(model.weights[2]).toBe(0)
    expect(model.weights[1]).toBeLessThan(-1)
  })

  it('a row given twice is a row of weight 2', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const rows = randomRows(seed, { rows: 30, cols: 4 })
        const values = rows.map((row, i) => row[0]! - 2 * row[3]! + (i % 3))
        const double = <T>(items: readonly T[]) => items.flatMap((item, i) => (i % 2 === 1 ? [item, item] : [item]))
        const sampleWeights = Float64Array.from(rows, (_, i) => 1 + (i % 2))
        const a = fitLinear({ matrix: dense(rows), target: numberTarget(values), sampleWeights })
        const b = fitLinear({ matrix: dense(double(rows)), target: numberTarget(double(values)) })
        expect(farthest(a.weights, b.weights)).toBeLessThan(1e-6)
      }),
      { numRuns: 30 },
    )
  })
})

describe('conjugate gradients', () => {
  it('reach the answer of the closed form', () => {
    fc.assert(
      fc.property(fc.nat(), fc.boolean(), (seed, isSparse) => {
        const rows = dense(randomRows(seed, { rows: 60, cols: 9, zeros: 0.5 }))
        const target = numberTarget(randomRows(seed + 1, { rows: 60, cols: 1 }).flat())
        const form = isSparse ? sparse(rows) : rows
        const data = { matrix: form, values: target.values, weights: undefined, total: 60 }
        const options = { l2: 1, maxIterations: 100, tolerance: 1e-12, hooks: {} }
        const { weights, converged } = solveByConjugateGradients(data, centreOf(data, true), options)
        const direct = fitLinear({ matrix: rows, target, hyperparameters: { l2: 1 } })
        expect(farthest(weights, direct.weights)).toBeLessThan(1e-6)
        expect(converged).toBe(true)
      }),
      { numRuns: 30 },
    )
  })
})

describe('the Cholesky solver', () => {
  it('solves A·x = b for every A = M·Mᵀ + I', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 12 }), (seed, size) => {
        const m = randomRows(seed, { rows: size, cols: size })
        const a = m.flatMap((row, i) =>
          m.map((other, j) => row.reduce((sum, value, k) => sum + value * other[k]!, i === j ? 1 : 0)),
        )
        const x = Array.from({ length: size }, (_, i) => Math.cos(i))
        const b = Float64Array.from(x, (_, i) => x.reduce((sum, value, j) => sum + a[i * size + j]! * value, 0))
        expect(solveCholesky(Float64Array.from(a), b)).toBe(true)
        expect(farthest(b, x)).toBeLessThan(1e-8)
      }),
    )
  })

  it('says when the matrix is singular', () => {
    expect(solveCholesky(Float64Array.of(1, 1, 1, 1), Float64Array.of(1, 1))).toBe(false)
  })
})
