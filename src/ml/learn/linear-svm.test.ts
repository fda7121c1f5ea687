// Reference values: scikit-learn 1.9.1, LinearSVC on the sample of testing.ts to a tolerance of 1e-12, with intercept_scaling the
// length of the average row, 1.920075.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { descend } from './dual-descent.ts'
import { sparsify } from './fold.ts'
import { fitLinearSvm } from './linear-svm.ts'
import { classTarget, dense, EXACT, farthest, randomRows, SAMPLE } from './testing.ts'

const { matrix, two, three, weights } = SAMPLE

/** Weights and constant as the search leaves them, before they are made probabilities. */
function machine({ cost, sampleWeights, ours = 1, labels = two.labels }: Wish): number[] {
  const csr = sparsify(matrix, 1)!
  const constant = 1.920074865839195
  const squares = Float64Array.from({ length: 16 }, (_, row) =>
    matrix.values.subarray(3 * row, 3 * row + 3).reduce((sum, value) => sum + value ** 2, constant ** 2),
  )
  const softness = Float64Array.from({ length: 16 }, (_, row) => 1 / (2 * cost * (sampleWeights?.[row] ?? 1)))
  const place = { alphas: new Float64Array(16), weights: new Float64Array(4) }
  const rows = Uint32Array.from({ length: 16 }, (_, row) => row)
  const options = { maxPasses: 100_000, tolerance: 1e-10, random: seededRandom(1), hooks: {} }
  const data = { matrix: csr, constant, rows, squares, softness }
  expect(descend(data, (row) => labels[row] === ours, place, options).converged).toBe(true)
  return [...place.weights.subarray(0, 3), place.weights[3]! * constant]
}

interface Wish {
  readonly cost: number
  readonly sampleWeights?: Float64Array
  readonly ours?: number
  readonly labels?: Int32Array
}

describe('the search', () => {
  it.each<[string, Wish, number[]]>([
    ['C = 1', { cost: 1 }, [1.446457, -0.167045, 0.288101, 0.04502]],
    ['C = 0.1', { cost: 0.1 }, [0.525867, -0.296025, 0.099198, 0.089498]],
    ['sample weights', { cost: 1, sampleWeights: weights }, [1.714934, -0.087177, 0.279009, -0.032534]],
    ['one class of three', { cost: 1, labels: three.labels }, [-0.526048, -0.399559, 0.119867, -1.143024]],
  ])('finds the weights of scikit-learn: %s', (_, wish, expected) => {
    expect(farthest(machine(wish), expected)).toBeLessThan(2e-6)
  })
})

describe('two classes', () => {
  it('have scores in the direction of the weights found on all rows', () => {
    const model = fitLinearSvm({ matrix, target: two, hyperparameters: { ...EXACT, cost: 1 } })
    const found = machine({ cost: 1 })
    const slope = model.weights[0]! / found[0]!
    expect(slope).toBeGreaterThan(0)
    expect(
      farthest(
        model.weights,
        found.slice(0, 3).map((weight) => weight * slope),
      ),
    ).toBeLessThan(1e-5)
    expect(model.converged).toBe(true)
  })

  it('are as probable as they come true on rows that were not learned from', () => {
    const { rows, labels } = noisy(2, 4000)
    const learned = { matrix: dense(rows.slice(0, 3000)), target: classTarget(labels.slice(0, 3000)) }
    const { values } = fitLinearSvm({ ...learned, hyperparameters: { cost: 1 } }).predict(dense(rows.slice(3000)))
    for (const [low, high] of [
      [0.1, 0.4],
      [0.4, 0.6],
      [0.6, 0.9],
    ] as const) {
      const inside = labels.slice(3000).flatMap((label, i) => {
        const said = values[2 * i + 1]!
        return said >= low && said < high ? [{ label, said }] : []
      })
      const mean = (of: (one: { label: number; said: number }) => number) =>
        inside.reduce((sum, one) => sum + of(one), 0) / inside.length
      expect(Math.abs(mean((one) => one.label) - mean((one) => one.said))).toBeLessThan(0.08)
    }
  })
})

/** Two classes, a tenth of them by chance the other way round. */
function noisy(seed: number, count: number) {
  const random = seededRandom(seed)
  const rows = randomRows(seed, { rows: count, cols: 3 })
  return { rows, labels: rows.map(([a, b]) => Number(random.next() < 1 / (1 + Math.exp(-2 * (a! + b!))))) }
}

describe('more classes', () => {
  it('have probabilities that add up to 1, the highest for the class of the highest margin', () => {
    const { values } = fitLinearSvm({ matrix, target: three, hyperparameters: { ...EXACT, cost: 1 } }).predict(matrix)
    const machines = [0, 1, 2].map((ours) => machine({ cost: 1, ours, labels: three.labels }))
    for (let row = 0; row < matrix.rows; row++) {
      const own = [...values.subarray(3 * row, 3 * row + 3)]
      expect(own.reduce((sum, value) => sum + value)).toBeCloseTo(1, 10)
      const margins = machines.map(([a, b, c, d]) => {
        const [x, y, z] = matrix.values.subarray(3 * row, 3 * row + 3)
        return a! * x! + b! * y! + c! * z! + d!
      })
      expect(own.indexOf(Math.max(...own))).toBe(margins.indexOf(Math.max(...margins)))
    }
  })

  it('hold back about a row of which nothing is known', () => {
    const rows = Array.from({ length: 60 }, (_, i) => [0, 1, 2].map((k) => Number(i % 3 === k)))
    const model = fitLinearSvm({ matrix: dense(rows), target: classTarget(rows.map((_, i) => i % 3)) })
    expect(Math.max(...model.predict(dense([[0, 0, 0]])).values)).toBeLessThan(0.5)
    expect(Math.max(...model.predict(dense([[1, 0, 0]])).values)).toBeGreaterThan(0.8)
  })
})

it('a weight of 2 is the same as giving the row twice', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
      const rows = randomRows(seed, { rows: 12, cols: 3 })
      const labels = rows.map(([a], i) => (i === 0 ? 0 : i === 1 ? 1 : Number(a! > 0)))
      const csr = (own: typeof rows) => sparsify(dense(own), 1)!
      const solve = (own: typeof rows, sides: number[], soft: number[]) => {
        const place = { alphas: new Float64Array(own.length), weights: new Float64Array(4) }
        const squares = Float64Array.from(own, (row) => row.reduce((sum, value) => sum + Math.fround(value) ** 2, 1))
        const all = Uint32Array.from(own, (_, row) => row)
        const options = { maxPasses: 100_000, tolerance: 1e-9, random: seededRandom(1), hooks: {} }
        const data = { matrix: csr(own), constant: 1, rows: all, squares, softness: Float64Array.from(soft) }
        descend(data, (row) => sides[row] === 1, place, options)
        return place.weights
      }
      const twice = solve([...rows, rows[0]!], [...labels, labels[0]!], Array(13).fill(0.5))
      const weighted = solve(rows, labels, [0.25, ...Array(11).fill(0.5)])
      expect(farthest(twice, weighted)).toBeLessThan(1e-6)
    }),
    { numRuns: 20 },
  )
})

it('makes weighted classes as probable as they weigh', () => {
  const rare = (row: number) => Number(row % 30 === 0)
  const rows = randomRows(5, { rows: 1500, cols: 3 }).map((own, row) => own.map((value) => value + rare(row)))
  const meanWith = (class_weight: string) => {
    const target = classTarget(rows.map((_, row) => rare(row)))
    const { values } = fitLinearSvm({ matrix: dense(rows), target, hyperparameters: { class_weight } }).predict(
      dense(rows),
    )
    return values.reduce((sum, value, i) => sum + (i % 2) * value, 0) / rows.length
  }
  expect(meanWith('none')).toBeCloseTo(1 / 30, 2)
  expect(meanWith('balanced')).toBeGreaterThan(0.2)
})

it('does not ask rows of weight 0 what margins mean, however many there are', () => {
  const { rows, labels } = noisy(3, 3000)
  const counted = (row: number) => row % 300 < 20
  const sampleWeights = Float64Array.from(rows, (_, row) => Number(counted(row)))
  const own = {
    matrix: dense(rows.filter((_, row) => counted(row))),
    target: classTarget(labels.filter((_, row) => counted(row))),
  }
  const weighted = fitLinearSvm({ matrix: dense(rows), target: classTarget(labels), sampleWeights })
  expect(weighted.predict(matrix)).toEqual(fitLinearSvm(own).predict(matrix))
})

it('says when it was stopped early', () => {
  const { warnings, converged } = fitLinearSvm({ matrix, target: two, hyperparameters: { max_iterations: 1 } })
  expect(converged).toBe(false)
  expect(warnings).toEqual([expect.stringMatching(/stopped after 1 passes/)])
})

it('stops when asked to', () => {
  const hooks = { shouldStop: () => true }
  expect(() => fitLinearSvm({ matrix, target: two, hooks })).toThrow(/cancelled/)
})

it('tells how far it is, never going back', () => {
  const told: number[] = []
  const hooks = { onProgress: ({ done }: { done: number }) => told.push(done) }
  fitLinearSvm({ matrix, target: three, hyperparameters: { cost: 1 }, hooks })
  expect(told.every((done, i) => i === 0 || done > told[i - 1]! - 1e-12)).toBe(true)
  expect(new Set(told).size).toBeGreaterThan(18)
  expect(told.at(-1)).toBe(1)
})
