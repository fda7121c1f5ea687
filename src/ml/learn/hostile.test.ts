// Data that people really have: constant, duplicated, separable, huge, tiny; and data that nothing can be learned from.
import { describe, expect, it } from 'vitest'
import { fitLinear } from './linear.ts'
import { fitLogistic } from './logistic.ts'
import { classTarget, dense, EXACT, farthest, numberTarget, randomRows, SAMPLE, sparse } from './testing.ts'

const { matrix, two, numbers } = SAMPLE
const ROWS = Array.from({ length: matrix.rows }, (_, r) => [...matrix.values.subarray(3 * r, 3 * r + 3)])

describe('logistic regression', () => {
  it('gives a constant feature no weight beside the intercept', () => {
    const model = fitLogistic({ matrix: dense(ROWS.map((row) => [...row, 0])), target: two, hyperparameters: EXACT })
    expect(model.weights[3]).toBe(0)
  })

  it('shares a weight between features that are the same', () => {
    const model = fitLogistic({
      matrix: dense(ROWS.map((row) => [...row, row[0]!])),
      target: two,
      hyperparameters: EXACT,
    })
    expect(model.weights[3]).toBeCloseTo(model.weights[0]!, 5)
  })

  it('stays finite on classes that a line parts perfectly, without any penalty', () => {
    const rows = Array.from({ length: 50 }, (_, i) => [i - 24.5])
    const target = classTarget(rows.map(([x]) => (x! > 0 ? 1 : 0)))
    const { values } = fitLogistic({ matrix: dense(rows), target, hyperparameters: { l2: 0 } }).predict(dense(rows))
    expect(values.every(Number.isFinite)).toBe(true)
    expect(values[0]).toBeGreaterThan(0.99)
  })

  it('copes with features of very different size', () => {
    const scaled = dense(ROWS.map(([a, b, c]) => [a! * 1e6, b! * 1e-3, c!]))
    const model = fitLogistic({ matrix: scaled, target: two, hyperparameters: { l2: 0.01, max_iterations: 2000 } })
    const { values } = model.predict(scaled)
    const right = [...two.labels].filter((label, row) => values[2 * row + label]! > 0.5)
    expect(right.length).toBeGreaterThanOrEqual(13)
  })

  it('learns 5,000 classes', () => {
    const classes = 5000
    const identity = { form: 'csr', rows: classes, cols: 20, values: new Float32Array(2 * classes).fill(1) } as const
    const offsets = Uint32Array.from({ length: classes + 1 }, (_, row) => 2 * row)
    const indices = Uint32Array.from({ length: 2 * classes }, (_, i) =>
      i % 2 === 0 ? (i / 2) % 10 : 10 + ((i >> 1) % 7),
    )
    const target = classTarget(Array.from({ length: classes }, (_, row) => row))
    const model = fitLogistic({
      matrix: { ...identity, offsets, indices },
      target,
      hyperparameters: { max_iterations: 3 },
    })
    expect(model.bias).toHaveLength(classes)
  })

  it('keeps a class without any row at a probability near zero', () => {
    const target = { ...two, classes: ['0', '1', '2'] }
    const { values } = fitLogistic({ matrix, target }).predict(matrix)
    expect(values[2]).toBeLessThan(0.01)
  })

  it('warns when the iterations run out', () => {
    const model = fitLogistic({ matrix, target: two, hyperparameters: { max_iterations: 1, tolerance: 1e-9 } })
    expect(model.converged).toBe(false)
    expect(model.warnings).toEqual([expect.stringContaining('raise max_iterations')])
  })

  it('refuses more weights than fit in memory', () => {
    const wide = { ...sparse(matrix), cols: 20_000_000 }
    expect(() => fitLogistic({ matrix: wide, target: { ...two, classes: ['0', '1', '2'] } })).toThrow(
      /merge rare classes/,
    )
  })
})

describe('linear regression', () => {
  it('has a unique answer for features that are the same, even without a penalty', () => {
    const doubled = dense(ROWS.map((row) => [...row, row[0]!]))
    const model = fitLinear({ matrix: doubled, target: numbers, hyperparameters: { l2: 0, tolerance: 1e-12 } })
    const plain = fitLinear({ matrix, target: numbers, hyperparameters: { l2: 0 } })
    expect(farthest(model.predict(doubled).values, plain.predict(matrix).values)).toBeLessThan(1e-4)
  })

  it('predicts the mean from features that are all constant', () => {
    const model = fitLinear({ matrix: dense(ROWS.map(() => [1, 5])), target: numbers, hyperparameters: { l2: 0 } })
    expect(model.predict(dense([[1, 5]])).values[0]).toBeCloseTo(5.90625, 5)
  })

  it('keeps its digits when a feature is far from zero', () => {
    const x = Array.from({ length: 100 }, (_, i) => [100_000 + i])
    const model = fitLinear({
      matrix: dense(x),
      target: numberTarget(x.map(([v]) => 2 * (v! - 100_000))),
      hyperparameters: { l2: 0 },
    })
    expect(model.weights[0]).toBeCloseTo(2, 6)
  })
})

const cases: [string, () => unknown, RegExp][] = [
  ['no rows', () => fitLogistic({ matrix: dense([]), target: classTarget([0]) }), /no rows to learn from: add rows/],
  [
    'no features',
    () =>
      fitLinear({ matrix: { form: 'dense', rows: 1, cols: 0, values: new Float32Array() }, target: numberTarget([1]) }),
    /choose at least one column/,
  ],
  [
    'one class',
    () => fitLogistic({ matrix, target: { ...two, labels: new Int32Array(16) } }),
    /Every row is of class "0".*add rows of another class/,
  ],
  [
    'a label of no class',
    () => fitLogistic({ matrix, target: { ...two, labels: new Int32Array(16).fill(-1, 3) } }),
    /row 3 is class -1 of 2: leave out/,
  ],
  [
    'a missing number',
    () =>
      fitLinear({ matrix, target: { ...numbers, values: numbers.values.map((v, i) => (i === 4 ? Number.NaN : v)) } }),
    /row 4 is NaN: leave out rows/,
  ],
  ['fewer targets than rows', () => fitLinear({ matrix, target: numberTarget([1, 2]) }), /2 targets for 16 rows/],
  [
    'a missing feature',
    () => fitLinear({ matrix: dense(ROWS.map((row, i) => (i === 2 ? [1, Number.NaN, 1] : row))), target: numbers }),
    /Feature 1 holds NaN.*fill in missing values/,
  ],
  [
    'an infinite feature',
    () => fitLogistic({ matrix: sparse(dense(ROWS.map((row, i) => (i === 2 ? [1, 2, 1e99] : row)))), target: two }),
    /Feature 2 holds Infinity/,
  ],
  [
    'a negative weight',
    () => fitLinear({ matrix, target: numbers, sampleWeights: new Float64Array(16).fill(1).fill(-1, 15) }),
    /row 15 is -1: weights must be/,
  ],
  [
    'no weight at all',
    () => fitLinear({ matrix, target: numbers, sampleWeights: new Float64Array(16) }),
    /give some rows a weight above 0/,
  ],
  [
    'one class of weight',
    () => fitLogistic({ matrix, target: two, sampleWeights: Float64Array.from(two.labels) }),
    /Every row is of class "1"/,
  ],
]

describe('data that cannot be learned from', () => {
  it.each(cases)('%s: says what is wrong and what to do', (_, attempt, message) => {
    expect(attempt).toThrow(message)
    expect(attempt).toThrow(expect.objectContaining({ kind: 'invalid', code: 'TRAINING_DATA_INVALID' }))
  })

  it('names every hyperparameter that breaks the schema', () => {
    const hyperparameters = { l2: -1, depth: 3 }
    const attempt = () => fitLogistic({ matrix, target: two, hyperparameters })
    expect(attempt).toThrow(expect.objectContaining({ kind: 'invalid' }))
    expect(attempt).toThrow(/and 1 more/)
  })

  it('refuses to predict from another number of features', () => {
    const model = fitLinear({
      matrix: dense(randomRows(1, { rows: 9, cols: 4 })),
      target: numberTarget([1, 2, 3, 4, 5, 6, 7, 8, 9]),
    })
    expect(() => model.predict(matrix)).toThrow(/fitted on 4 features and cannot predict from 3/)
  })
})
