// How many rounds, how boldly: on curves that are known.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { innerFolds } from '../inner-folds.ts'
import type { FittedModel } from '../learner.ts'
import { classTarget, dense, farthest, numberTarget, randomRows } from '../testing.ts'
import { chooseRounds, lowest, type RoundsProblem, type Style, USUAL_ROUNDS } from './choose-rounds.ts'
import { fitBoosting } from './gradient-boosting.ts'

const style = (minRows: number): Style => ({ minRows, leaves: 31, subsample: 0.8, colsample: 0.7 })
const [cautious, usual, bold] = [style(30), style(20), style(5)]

const problem = (rows: number, more: Partial<RoundsProblem> = {}): RoundsProblem => ({
  target: { task: 'regression', values: new Float64Array(rows) },
  rows: Uint32Array.from({ length: rows }, (_, row) => row),
  width: 1,
  usual,
  styles: [cautious, usual, bold],
  trace: async () => [1],
  bags: 0,
  haste: 2,
  seed: 3,
  hooks: {},
  ...more,
})

/** Falls to `floor` at a round, then rises. */
const valley = (bottom: number, floor: number, length = bottom + 50) =>
  Array.from({ length }, (_, round) => floor + Math.abs(round + 1 - bottom) / 1000)

describe('the lowest point of curves', () => {
  it('is that of their mean', () => {
    expect(lowest([valley(100, 1), valley(100, 3)])).toEqual({ rounds: 100, loss: 2 })
  })

  it('is not drawn away by the one that went on for longest', () => {
    const early = valley(40, 1)
    const late = [...valley(60, 1), ...Array.from({ length: 700 }, (_, i) => 1.05 - i / 1e6)]
    expect(lowest([early, early, late]).rounds).toBeLessThan(70)
  })

  it('lies within them, whatever they are', () => {
    const curve = fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(fc.array(curve, { minLength: 1, maxLength: 5 }), (curves) => {
        const { rounds, loss } = lowest(curves)
        expect(rounds).toBeGreaterThanOrEqual(1)
        expect(rounds).toBeLessThanOrEqual(Math.max(...curves.map(({ length }) => length)))
        expect(Number.isFinite(loss)).toBe(true)
      }),
    )
  })
})

describe('the choice of rounds', () => {
  it('takes a tenth more than the folds want, in smaller steps', async () => {
    const recipe = await chooseRounds(problem(5000, { trace: async () => valley(100, 1) }))
    expect(recipe).toMatchObject({ rounds: 2 * 110, haste: 1, bags: 1 })
  })

  it('takes several fits like those of the folds where there are few rows', async () => {
    const recipe = await chooseRounds(problem(500, { trace: async () => valley(100, 1) }))
    expect(recipe).toMatchObject({ rounds: 100, haste: 2, bags: 5 })
  })

  it('averages as many fits as were asked for, in steps as small as were asked for', async () => {
    for (const rows of [500, 5000]) {
      const recipe = await chooseRounds(problem(rows, { bags: 3, trace: async () => valley(100, 1) }))
      expect(recipe).toMatchObject({ rounds: 220, haste: 1, bags: 3 })
    }
    expect(await chooseRounds(problem(500, { bags: 1 }))).toMatchObject({ bags: 1 })
    expect(await chooseRounds(problem(50_000, { width: 20, bags: 4 }))).toMatchObject({ bags: 4 })
  })

  it('takes as many rounds as the folds where their steps cannot be larger', async () => {
    const recipe = await chooseRounds(problem(5000, { haste: 1, trace: async () => valley(100, 1) }))
    expect(recipe).toMatchObject({ rounds: 110, haste: 1 })
  })

  it('is cautious unless bolder is clearly better', async () => {
    const same = await chooseRounds(problem(500, { trace: async () => valley(100, 1) }))
    expect(same.minRows).toBe(cautious.minRows)
    const trace: RoundsProblem['trace'] = async ({ minRows }) => valley(100, minRows === bold.minRows ? 0.5 : 1)
    expect((await chooseRounds(problem(500, { trace }))).minRows).toBe(bold.minRows)
  })

  it('tries the usual way and the boldest alone where a trial is dear', async () => {
    const tried = new Set<number>()
    const trace: RoundsProblem['trace'] = async ({ minRows }) => {
      tried.add(minRows)
      return valley(100, minRows === bold.minRows ? 0.5 : 1)
    }
    const recipe = await chooseRounds(problem(5000, { width: 30, trace }))
    expect([...tried]).toEqual([usual.minRows, bold.minRows])
    expect(recipe.minRows).toBe(bold.minRows)
  })

  it('judges by rows that were not learned from, all of them equally often', async () => {
    const judged = new Map<number, number>()
    const trace: RoundsProblem['trace'] = async (_, { learn, judge }) => {
      expect(new Set([...learn, ...judge]).size).toBe(learn.length + judge.length)
      for (const row of judge) judged.set(row, (judged.get(row) ?? 0) + 1)
      return [1]
    }
    await chooseRounds(problem(5000, { styles: [usual], trace }))
    expect([...new Set(judged.values())]).toEqual([1])
    expect(judged.size).toBe(5000)
  })

  it.each([
    ['too few rows', 39, 1],
    ['a large table', 50_000, 20],
  ])('is the usual one for %s, without a single trial', async (_, rows, width) => {
    const trace = () => Promise.reject(new Error('tried'))
    expect(await chooseRounds(problem(rows, { width, trace }))).toMatchObject({ ...usual, rounds: USUAL_ROUNDS })
  })
})

describe('boosting that chooses its rounds', () => {
  const rows = randomRows(5, { rows: 300, cols: 4 })
  const matrix = dense(rows)
  const noise = classTarget(rows.map((_, row) => Number((row * 7919) % 13 < 6)))
  const clear = classTarget(rows.map((row) => Number(Math.sin(4 * row[0]!) * row[1]! > 0)))

  it('takes few for noise, and more for what can be learned', async () => {
    const [few, many] = await Promise.all([noise, clear].map((target) => fitBoosting({ matrix, target })))
    expect(few!.settled!.n_estimators).toBeLessThan(20)
    expect(many!.settled!.n_estimators).toBeGreaterThan(50)
  })

  it('draws all columns where one of them alone says nothing', async () => {
    const wide = randomRows(8, { rows: 300, cols: 8 })
    const target = numberTarget(wide.map(([a, b]) => a! * b!))
    expect((await fitBoosting({ matrix: dense(wide), target })).settled!.colsample).toBe(1)
  })

  it('says that the target is too large where nothing it says can be stored', async () => {
    const target = numberTarget(rows.map(([a]) => a! * 1e200))
    await expect(fitBoosting({ matrix, target })).rejects.toMatchObject({ code: 'TRAINING_DIVERGED' })
  })

  it('is what its settled hyperparameters make', async () => {
    const chosen = await fitBoosting({ matrix, target: clear, seed: 9 })
    const again = await fitBoosting({ matrix, target: clear, seed: 9, hyperparameters: chosen.settled! })
    expect(again.predict(matrix)).toEqual(chosen.predict(matrix))
    expect(again.settled).toBeUndefined()
  })

  it('averages as many fits as were asked for', async () => {
    const { settled, iterations } = await fitBoosting({ matrix, target: clear, hyperparameters: { bags: 2 } })
    expect(settled).toMatchObject({ bags: 2, learning_rate: 0.05 })
    expect(iterations).toBe(2 * Number(settled!.n_estimators))
  })

  it('never shows less progress than before', async () => {
    const shown: number[] = []
    await fitBoosting({ matrix, target: clear, hooks: { onProgress: ({ done }) => shown.push(done) } })
    expect(shown).toEqual([...shown].sort((a, b) => a - b))
    expect(shown.at(-1)).toBe(1)
  })

  it('averages fits of parts of the rows, however many were asked for', async () => {
    const hyperparameters = { n_estimators: 10, subsample: 1, colsample: 1, bags: 3 }
    const bagged = await fitBoosting({ matrix, target: clear, hyperparameters })
    const folds = innerFolds(300, { labels: clear.labels, seed: 0, folds: 3 })
    const alone = await Promise.all(
      folds.map(({ learn }) => {
        const sampleWeights = Float64Array.from({ length: 300 }, (_, row) => Number(learn.includes(row)))
        return fitBoosting({ matrix, target: clear, hyperparameters: { ...hyperparameters, bags: 1 }, sampleWeights })
      }),
    )
    expect(bagged.iterations).toBe(30)
    const odds = (model: FittedModel) => {
      const { values } = model.predict(matrix)
      return Float64Array.from({ length: 300 }, (_, row) => Math.log(values[2 * row + 1]! / values[2 * row]!))
    }
    const own = alone.map(odds)
    const mean = own[0]!.map((_, row) => own.reduce((sum, one) => sum + one[row]!, 0) / 3)
    expect(farthest(odds(bagged), mean)).toBeLessThan(1e-6)
  })
})
