import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitLogistic } from './logistic.ts'
import { logisticLoss } from './logistic-loss.ts'
import { selectMatrixRows, startingRows } from './sample.ts'
import { classTarget, dense, farthest, randomRows, sparse } from './testing.ts'

const ROWS = 20_000
const matrix = dense(randomRows(1, { rows: ROWS, cols: 3 }))
// Sorted by class, as exported tables often are.
const target = classTarget(Array.from({ length: ROWS }, (_, row) => (row < ROWS / 4 ? 1 : 0)))
for (let row = 0; row < ROWS / 4; row++) matrix.values[3 * row]! += 1

describe('the rows to start from', () => {
  it('are different rows, ascending', () => {
    fc.assert(
      fc.property(fc.integer({ min: 12_000, max: 60_000 }), fc.nat(), (rows, seed) => {
        const drawn = startingRows({ form: 'dense', rows, cols: 2, values: new Float32Array() }, seed)!
        expect(drawn.every((row, i) => row < rows && (i === 0 || row > drawn[i - 1]!))).toBe(true)
        expect(drawn.length).toBe(Math.max(4000, Math.round(rows / 10)))
      }),
      { numRuns: 20 },
    )
  })

  it('are none where a part would say little about the whole', () => {
    const of = (rows: number, cols: number) =>
      startingRows({ form: 'dense', rows, cols, values: new Float32Array() }, 1)
    expect(of(5000, 3)).toBeUndefined()
    expect(of(20_000, 1000)).toBeUndefined()
  })

  it('are taken out of dense and sparse matrices alike', () => {
    const rows = Uint32Array.of(0, 3, 4)
    const small = dense(randomRows(2, { rows: 6, cols: 4, zeros: 0.5 }))
    expect(selectMatrixRows(sparse(small), rows)).toEqual(sparse(selectMatrixRows(small, rows) as typeof small))
  })
})

describe('a fit that started from some rows', () => {
  it('ends at the minimum over all rows', () => {
    const model = fitLogistic({ matrix, target, hyperparameters: { l2: 3, tolerance: 1e-6 } })
    const loss = logisticLoss({ matrix, weights: undefined, totalWeight: ROWS, l2: 3, intercept: true }, target.labels)
    const gradient = new Float64Array(4)
    loss.evaluate(Float64Array.of(...model.weights, ...model.bias), gradient)
    expect(farthest(gradient, [0, 0, 0, 0])).toBeLessThan(1.1e-6)
  })

  it('does not depend on which rows', () => {
    const [a, b] = [1, 2].map((seed) => fitLogistic({ matrix, target, seed, hyperparameters: { tolerance: 1e-7 } }))
    expect(farthest(a!.weights, b!.weights)).toBeLessThan(1e-5)
  })

  it('copes with a part in which no row weighs anything', () => {
    const sampleWeights = new Float64Array(ROWS)
    for (let row = 0; row < 4; row++) sampleWeights[row] = sampleWeights[ROWS - 1 - row] = 1
    const { values } = fitLogistic({ matrix, target, sampleWeights }).predict(matrix)
    expect(values.every(Number.isFinite)).toBe(true)
  })
})
