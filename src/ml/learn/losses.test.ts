// Gradients against central differences, and the sparse form against the dense one.
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import type { Matrix } from '../matrix.ts'
import { type LossInput, logisticLoss } from './logistic-loss.ts'
import type { Objective } from './minimise.ts'
import { softmaxLoss } from './softmax-loss.ts'
import { squaresLoss } from './squares-loss.ts'
import { dense, farthest, randomRows, sparse } from './testing.ts'

const ROWS = 53 // not a multiple of the rows that the kernels take at once
const COLS = 7
const matrix = dense(randomRows(1, { rows: ROWS, cols: COLS, zeros: 0.4 }))
const random = seededRandom(2)
const weights = Float64Array.from({ length: ROWS }, () => 3 * random.next())
const two = Int32Array.from({ length: ROWS }, () => random.integer(2))
const five = Int32Array.from({ length: ROWS }, () => random.integer(5))
const targets = Float64Array.from({ length: ROWS }, () => random.normal())

const LOSSES: Record<string, (input: LossInput) => Objective> = {
  logistic: (input) => logisticLoss(input, two),
  softmax: (input) => softmaxLoss(input, five, 5),
  squares: (input) => squaresLoss(input, targets),
}
const SETTINGS: Record<string, Omit<LossInput, 'matrix'>> = {
  plain: { weights: undefined, totalWeight: ROWS, l2: 0, intercept: true },
  'weighted, penalised': { weights, totalWeight: weights.reduce((a, b) => a + b), l2: 2.5, intercept: true },
  'without intercept': { weights: undefined, totalWeight: ROWS, l2: 1, intercept: false },
}

function differences(objective: Objective, at: Float64Array): Float64Array {
  const spare = new Float64Array(objective.size)
  const step = 1e-5
  return at.map((value, i) => {
    const moved = Float64Array.from(at)
    moved[i] = value + step
    const above = objective.evaluate(moved, spare)
    moved[i] = value - step
    return (above - objective.evaluate(moved, spare)) / (2 * step)
  })
}

describe.each(Object.entries(LOSSES))('the %s loss', (_, build) => {
  describe.each(Object.entries(SETTINGS))('%s', (_, settings) => {
    const point = (size: number) => Float64Array.from({ length: size }, (_, i) => Math.sin(i + 1))

    it.each([
      ['dense', matrix],
      ['sparse', sparse(matrix)],
    ] as [string, Matrix][])('has the gradient that differences show (%s)', (_, matrix) => {
      const objective = build({ ...settings, matrix })
      const gradient = new Float64Array(objective.size).fill(9)
      const at = point(objective.size)
      objective.evaluate(at, gradient)
      expect(farthest(gradient, differences(objective, at))).toBeLessThan(1e-8)
    })

    it('is the same for dense and sparse rows', () => {
      const results = [matrix, sparse(matrix)].map((matrix) => {
        const objective = build({ ...settings, matrix })
        const gradient = new Float64Array(objective.size)
        return [objective.evaluate(point(objective.size), gradient), ...gradient]
      })
      expect(farthest(results[0]!, results[1]!)).toBeLessThan(1e-12)
    })
  })
})

describe('the logistic loss', () => {
  it('stays finite and exact at margins of thousands', () => {
    const objective = logisticLoss(
      { matrix: dense([[1], [1]]), weights: undefined, totalWeight: 2, l2: 0, intercept: false },
      Int32Array.of(0, 1),
    )
    const gradient = new Float64Array(1)
    expect(objective.evaluate(Float64Array.of(4000), gradient)).toBe(2000)
    expect(gradient[0]).toBe(0.5)
  })

  it('does not overflow the product of a long block', () => {
    const rows = 5000
    const matrix = dense(Array.from({ length: rows }, () => [1]))
    const objective = logisticLoss(
      { matrix, weights: undefined, totalWeight: rows, l2: 0, intercept: false },
      new Int32Array(rows),
    )
    expect(objective.evaluate(new Float64Array(1), new Float64Array(1))).toBeCloseTo(Math.LN2, 12)
  })
})
