// Data that people really have, for trees: empty, constant, doubled and infinite columns, next to no rows, rare classes.
import { describe, expect, it } from 'vitest'
import type { FeatureInfo } from '../../features.ts'
import type { FitInput } from '../learner.ts'
import { classTarget, dense, numberTarget, randomRows, SAMPLE, sparse } from '../testing.ts'
import { fitForest } from './forest.ts'
import { fitBoosting } from './gradient-boosting.ts'

const ROWS = randomRows(21, { rows: 300, cols: 2 })
const NUMBERS = numberTarget(ROWS.map(([a, b]) => a! - 2 * b!))
const learners = [
  ['gradient_boosting', fitBoosting],
  ['random_forest', fitForest],
] as const

describe.each(learners)('%s', (_, learn) => {
  const finite = async (input: FitInput) => {
    const model = await learn({ hyperparameters: { n_estimators: 10 }, ...input })
    expect(model.predict(input.matrix).values.every(Number.isFinite)).toBe(true)
    return model
  }

  it('lives with columns that are empty, constant, doubled or infinite', async () => {
    const matrix = dense(
      ROWS.map(([a, b], i) => [a!, Number.NaN, 7, a!, i % 3 ? b! : Number.POSITIVE_INFINITY, i % 2 ? b! : -1e38]),
    )
    await finite({ matrix, target: NUMBERS })
  })

  it('learns from a sparse matrix what it learns from a dense one', async () => {
    const matrix = dense(randomRows(22, { rows: 300, cols: 8, zeros: 0.8 }))
    const a = await finite({ matrix, target: NUMBERS })
    const b = await finite({ matrix: sparse(matrix), target: NUMBERS })
    expect(b.ensemble).toEqual(a.ensemble)
    expect(b.predict(sparse(matrix))).toEqual(a.predict(matrix))
  })

  it.each([1, 2, 3])('answers from %i rows, and says that it learned nothing', async (count) => {
    const target = numberTarget([4, 5, 6].slice(0, count))
    const model = await finite({ matrix: dense(ROWS.slice(0, count)), target })
    if (count === 1) expect(model.warnings).toEqual([expect.stringContaining('No split was found')])
  })

  it('learns a class of one in ten thousand, or warns that it never answers it', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => [i % 10_000 === 5000 ? 3 : (i % 97) / 97])
    const target = classTarget(rows.map(([x]) => Number(x === 3)))
    const model = await finite({ matrix: dense(rows), target })
    const { values } = model.predict(dense([[3], [0.5]]))
    const told = values[1]! > 0.5
    expect(told || model.warnings.some((one) => one.includes('class_weight'))).toBe(true)
  })

  it('gives a class without rows next to no probability', async () => {
    const target = { ...SAMPLE.two, classes: ['0', '1', '2'] }
    const { values } = (await finite({ matrix: SAMPLE.matrix, target })).predict(SAMPLE.matrix)
    expect(values[2]).toBeLessThan(0.01)
  })

  it('lives with a hundred thousand categories', async () => {
    const features: FeatureInfo[] = [
      { name: 'id', column: 'id', kind: 'category', categories: 100_000 },
      { name: 'x', column: 'x', kind: 'number' },
    ]
    const rows = Array.from({ length: 100_000 }, (_, i) => [i, (i % 100) / 100])
    const target = numberTarget(rows.map(([, x]) => x!))
    await finite({ matrix: dense(rows), target, features, hyperparameters: { n_estimators: 2 } })
  })

  it('takes targets of any size', async () => {
    await finite({ matrix: dense(ROWS), target: numberTarget(ROWS.map(([a]) => a! * 1e30)) })
    await finite({ matrix: dense(ROWS), target: numberTarget(ROWS.map(([a]) => a! * 1e-30)) })
  })

  it('refuses a target that is no number, and five thousand classes, with a remedy', async () => {
    const gaps = numberTarget(ROWS.map(([a], i) => (i === 4 ? Number.NaN : a!)))
    await expect(finite({ matrix: dense(ROWS), target: gaps })).rejects.toThrow(/row 4 is NaN: leave out/)
    const many = classTarget(
      Array.from({ length: 10_000 }, (_, i) => i % 5000),
      5000,
    )
    const matrix = dense(Array.from({ length: 10_000 }, (_, i) => [i]))
    await expect(finite({ matrix, target: many })).rejects.toThrow(/5000 classes.*merge classes.*logistic_regression/)
  })

  it('refuses to predict from another number of features', async () => {
    const model = await finite({ matrix: dense(ROWS), target: NUMBERS })
    expect(() => model.predict(SAMPLE.matrix)).toThrow(/fitted on 2 features and cannot predict from 3/)
  })
})

describe('gradient boosting', () => {
  it('names a constraint on what is no number', async () => {
    const hyperparameters = { monotone_constraints: { colour: 1 } }
    const attempt = fitBoosting({ matrix: dense(ROWS), target: NUMBERS, hyperparameters })
    await expect(attempt).rejects.toMatchObject({
      kind: 'invalid',
      details: { errors: [{ field: 'hyperparameters.monotone_constraints.colour' }] },
    })
  })

  it('refuses to count below zero', async () => {
    const attempt = fitBoosting({ matrix: dense(ROWS), target: NUMBERS, hyperparameters: { objective: 'poisson' } })
    await expect(attempt).rejects.toThrow(/objective "poisson" counts: leave out negative targets/)
  })

  it('sets nothing aside from a table too small for it', async () => {
    const model = await fitBoosting({
      matrix: SAMPLE.matrix,
      target: SAMPLE.numbers,
      hyperparameters: { early_stopping_rounds: 1, n_estimators: 30, min_data_in_leaf: 2 },
    })
    expect(model.iterations).toBe(30)
  })
})
