// The numbers were computed by LightGBM 4.7 on the same rows: num_leaves 4, min_data_in_leaf 2, min_data_in_bin 1,
// learning_rate 0.3, 5 rounds.
import { describe, expect, it } from 'vitest'
import type { FitInput } from '../learner.ts'
import { classTarget, dense, numberTarget, randomRows, SAMPLE } from '../testing.ts'
import { fitBoosting } from './gradient-boosting.ts'
import { setAside } from './sampling.ts'

const PLAIN = { lambda_l2: 0, subsample: 1, colsample: 1 }
const SMALL = { ...PLAIN, max_leaves: 4, min_data_in_leaf: 2, learning_rate: 0.3, n_estimators: 5 }
const { matrix, two, three, numbers, weights } = SAMPLE
const counts = numberTarget([...numbers.values].map((value) => Math.max(0, value)))

const references: [string, Partial<FitInput>, number[]][] = [
  ['squared errors', { target: numbers }, [9.745875, 7.860388, 12.767323, 9.745875, 7.860388, 0.353666]],
  [
    'penalties',
    { target: numbers, hyperparameters: { lambda_l1: 2, lambda_l2: 3 } },
    [9.0067, 8.780899, 9.39388, 9.0067, 7.671973, 1.421188],
  ],
  [
    'a quantile',
    { target: numbers, hyperparameters: { objective: 'quantile', alpha: 0.7 } },
    [11.619788, 7.666788, 13.576582, 11.181691, 8.104886, 5.682288],
  ],
  [
    'absolute errors',
    // Of the third tree on, several splits are equally good.
    { target: numbers, hyperparameters: { objective: 'absolute', n_estimators: 2 } },
    [9.07885, 7.7713, 9.7783, 9.07885, 7.7713, 4.6153],
  ],
  [
    'rows of different weight',
    {
      target: numbers,
      sampleWeights: weights,
      hyperparameters: { min_data_in_leaf: 1, min_sum_hessian_in_leaf: 2.5 },
    },
    [7.911358, 7.573851, 11.587431, 7.911358, 7.573851, 0.126316],
  ],
  [
    'counts',
    { target: counts, hyperparameters: { objective: 'poisson' } },
    [8.557342, 7.626851, 10.871989, 8.223875, 7.626851, 3.04965],
  ],
  [
    'a depth',
    { target: numbers, hyperparameters: { max_depth: 1 } },
    [8.748258, 8.748258, 10.477265, 8.748258, 8.748258, 0.277044],
  ],
  [
    'a monotone constraint',
    { target: numbers, hyperparameters: { monotone_constraints: { 'feature 0': -1 } } },
    [9.756541, 7.903101, 13.343837, 7.903101, 7.903101, 0.581211],
  ],
  [
    'missing values',
    { target: numbers, matrix: withGaps() },
    [9.900014, 7.799153, 12.980179, 8.670553, 7.572949, 0.4216],
  ],
  ['three classes', { target: three }, [0.040984, 0.018681, 0.940335, 0.040984, 0.018681, 0.940335]],
]

function withGaps() {
  const values = matrix.values.slice()
  for (const row of [0, 3, 7, 9]) values[3 * row] = Number.NaN
  return { ...matrix, values }
}

const learn = (input: Partial<FitInput>) =>
  fitBoosting({ matrix, target: numbers, ...input, hyperparameters: { ...SMALL, ...input.hyperparameters } })

describe('gradient boosting', () => {
  it.each(references)('learns what LightGBM learns: %s', async (_, input, expected) => {
    const { values } = (await learn(input)).predict(input.matrix ?? matrix)
    for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, 5)
  })

  it('learns what LightGBM learns: two classes, each of the same weight', async () => {
    const { values } = (await learn({ target: two, hyperparameters: { class_weight: 'balanced' } })).predict(matrix)
    expect([values[1], values[11]]).toEqual([expect.closeTo(0.898893, 5), expect.closeTo(0.101107, 5)])
  })

  it('is moved less by wild targets where large errors count linearly', async () => {
    const rows = randomRows(10, { rows: 800, cols: 2 })
    const truth = rows.map(([a, b]) => a! + (b! > 0 ? 2 : 0))
    const wild = numberTarget(truth.map((value, row) => (row % 25 === 0 ? value + 300 : value)))
    const error = async (objective: string) => {
      const { values } = (await learn({ matrix: dense(rows), target: wild, hyperparameters: { objective } })).predict(
        dense(rows),
      )
      return truth.reduce((sum, value, row) => sum + Math.abs(values[row]! - value), 0) / truth.length
    }
    expect(await error('huber')).toBeLessThan((await error('squared')) / 5)
  })

  it('learns each tree from the rows and features that were drawn', async () => {
    const rows = randomRows(11, { rows: 600, cols: 10 })
    const target = numberTarget(rows.map((row) => row[0]! * 5 + row[1]!))
    const hyperparameters = { n_estimators: 40, subsample: 0.25, colsample: 0.1, max_leaves: 4 }
    const { trees } = (await learn({ matrix: dense(rows), target, hyperparameters })).ensemble!
    const used = trees.map(({ feature }) => new Set(feature.filter((own) => own >= 0)))
    expect(Math.max(...used.map((own) => own.size))).toBe(1)
    expect(new Set(used.flatMap((own) => [...own])).size).toBeGreaterThan(5)
    expect(new Set(trees.map(({ cover }) => cover[0]))).toEqual(new Set([150]))
  })

  it('learns what LightGBM learns: two classes', async () => {
    const { values } = (await learn({ target: two })).predict(matrix)
    expect([values[1], values[11]]).toEqual([expect.closeTo(0.909847, 5), expect.closeTo(0.11119, 5)])
  })

  it('learns the same from a row of weight 2 as from the row twice', async () => {
    const rows = Array.from({ length: 16 }, (_, r) => [...matrix.values.subarray(3 * r, 3 * r + 3)])
    const twice = await learn({
      matrix: dense([...rows, ...rows]),
      target: numberTarget([...numbers.values, ...numbers.values]),
      hyperparameters: { min_data_in_leaf: 4 },
    })
    const weighted = await learn({ sampleWeights: new Float64Array(16).fill(2) })
    const [a, b] = [twice.predict(matrix).values, weighted.predict(matrix).values]
    for (let row = 0; row < 16; row++) expect(a[row]).toBeCloseTo(b[row]!, 6)
  })

  it('never lowers an answer where a constraint forbids it', async () => {
    const rows = randomRows(5, { rows: 400, cols: 3 })
    const target = numberTarget(rows.map(([a, b, c]) => Math.sin(3 * a!) + b! * c!))
    const constrained = await fitBoosting({
      matrix: dense(rows),
      target,
      hyperparameters: { monotone_constraints: { 'feature 0': 1 } },
    })
    const line = dense(Array.from({ length: 200 }, (_, i) => [i / 30 - 3, 0.3, -0.7]))
    const { values } = constrained.predict(line)
    for (let i = 1; i < values.length; i++) expect(values[i]).toBeGreaterThanOrEqual(values[i - 1]!)
    expect(values[199]).toBeGreaterThan(values[0]!)
  })

  it('grows level by level where it is asked to', async () => {
    const rows = randomRows(6, { rows: 500, cols: 4 })
    const target = numberTarget(rows.map(([a, b]) => Math.exp(a!) + b!))
    const model = await fitBoosting({
      matrix: dense(rows),
      target,
      hyperparameters: { grow_policy: 'depthwise', max_leaves: 8, n_estimators: 1, min_data_in_leaf: 5 },
    })
    const { left, right, feature } = model.ensemble!.trees[0]!
    const depth = (node: number): number =>
      feature[node]! < 0 ? 0 : 1 + Math.max(depth(left[node]!), depth(right[node]!))
    expect(depth(0)).toBe(3)
  })

  it('gives the same model for the same seed, whatever is drawn', async () => {
    const hyperparameters = { subsample: 0.7, colsample: 0.7 }
    const [a, b] = [await learn({ hyperparameters, seed: 3 }), await learn({ hyperparameters, seed: 3 })]
    expect(a.ensemble).toEqual(b.ensemble)
    expect((await learn({ hyperparameters, seed: 4 })).ensemble).not.toEqual(a.ensemble)
  })

  it('stops when rows that were set aside no longer get better, and keeps the best', async () => {
    const rows = randomRows(7, { rows: 600, cols: 5 })
    const noise = randomRows(8, { rows: 600, cols: 1 })
    const target = numberTarget(rows.map(([a], i) => a! + noise[i]![0]!))
    const model = await fitBoosting({
      matrix: dense(rows),
      target,
      hyperparameters: { n_estimators: 2000, early_stopping_rounds: 10 },
    })
    expect(model.iterations).toBeLessThan(300)
    expect(model.ensemble!.trees).toHaveLength(model.iterations)
  })

  it('judges rounds by one boundary between small errors and large ones, not by one that falls with the errors', async () => {
    const rows = randomRows(7, { rows: 1200, cols: 5 })
    const noise = randomRows(8, { rows: 1200, cols: 1 })
    const target = numberTarget(rows.map(([a], i) => a! + 2 * noise[i]![0]!))
    const { settled } = await fitBoosting({ matrix: dense(rows), target, hyperparameters: { objective: 'huber' } })
    expect(settled!.n_estimators).toBeLessThan(300)
  })

  it.each([1e-3, 1, 1e3])('keeps a constraint in whatever unit the target is: %f', async (unit) => {
    const rows = randomRows(12, { rows: 600, cols: 2 })
    const target = numberTarget(rows.map(([a, b]) => unit * (a! + b! ** 2)))
    const errorWith = async (monotone_constraints: object) => {
      const hyperparameters = { ...PLAIN, n_estimators: 100, learning_rate: 0.1, objective: 'absolute', max_leaves: 31 }
      const model = await fitBoosting({
        matrix: dense(rows),
        target,
        hyperparameters: { ...hyperparameters, monotone_constraints },
      })
      const line = Array.from({ length: 50 }, (_, i) => [i / 10 - 2.5, 0.3])
      const { values } = model.predict(dense(line))
      if ('feature 0' in monotone_constraints) expect([...values]).toEqual([...values].sort((a, b) => a - b))
      const said = model.predict(dense(rows)).values
      return said.reduce((sum, value, row) => sum + Math.abs(value - target.values[row]!), 0) / rows.length / unit
    }
    expect(await errorWith({ 'feature 0': 1 })).toBeLessThan(1.15 * (await errorWith({})) + 0.01)
  })

  it('sets rows aside also where every class has few, and of none all', () => {
    const few = Int32Array.from({ length: 600 }, (_, row) => row % 150)
    const target = (labels: Int32Array) => classTarget([...labels])
    const all = Uint32Array.from({ length: 600 }, (_, row) => row)
    const { train, validation } = setAside(target(few), all, { share: 0.1, seed: 1 })
    expect(validation).toHaveLength(60)
    expect([...train, ...validation].sort((a, b) => a - b)).toEqual([...all])
    const lonely = Int32Array.from({ length: 600 }, (_, row) => Math.min(row, 50))
    const halves = setAside(target(lonely), all, { share: 0.5, seed: 1 })
    expect(new Set([...halves.train].map((row) => lonely[row])).size).toBe(51)
    expect(halves.validation.length).toBeGreaterThan(250)
  })

  it('keeps histograms in few places and learns the same', async () => {
    const rows = randomRows(9, { rows: 3000, cols: 3 })
    const target = numberTarget(rows.map(([a, b, c]) => Math.sin(a! * 4) * b! + c!))
    const hyperparameters = { max_leaves: 40, n_estimators: 3 }
    const few = await fitBoosting({ matrix: dense(rows), target, hyperparameters }, { histogramBytes: 1 })
    const many = await fitBoosting({ matrix: dense(rows), target, hyperparameters })
    const [a, b] = [few.predict(dense(rows)).values, many.predict(dense(rows)).values]
    for (let row = 0; row < rows.length; row++) expect(a[row]).toBeCloseTo(b[row]!, 6)
  })

  it('stops between two trees when it is asked to', async () => {
    let asked = 0
    const stopped = learn({ hyperparameters: { n_estimators: 1000 }, hooks: { shouldStop: () => ++asked > 20 } })
    await expect(stopped).rejects.toMatchObject({ code: 'TRAINING_CANCELLED' })
  })

  it('hears an abort while it learns', async () => {
    const controller = new AbortController()
    const onProgress = () => controller.abort()
    const stopped = learn({ hyperparameters: { n_estimators: 1000 }, hooks: { signal: controller.signal, onProgress } })
    await expect(stopped).rejects.toMatchObject({ code: 'TRAINING_CANCELLED' })
  })
})
