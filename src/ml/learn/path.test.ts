import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { innerFolds } from './inner-folds.ts'
import { fitLinear } from './linear.ts'
import { fitLogistic } from './logistic.ts'
import { chooseStrength } from './path.ts'
import { classTarget, dense, EXACT, farthest, numberTarget, randomRows } from './testing.ts'

describe('the inner folds', () => {
  it('judge every row once and spread each class', () => {
    const labels = Int32Array.from({ length: 103 }, (_, row) => (row % 10 === 0 ? 1 : 0))
    const folds = innerFolds(103, { labels, seed: 7 })
    expect(folds.flatMap(({ judge }) => [...judge]).sort((a, b) => a - b)).toEqual([...labels.keys()])
    for (const { learn, judge } of folds) {
      expect(learn.length + judge.length).toBe(103)
      expect(judge.filter((row) => labels[row] === 1).length).toBeGreaterThanOrEqual(2)
    }
  })

  it('are as many as there are rows where these are few', () => {
    expect(innerFolds(2, { seed: 0 })).toHaveLength(2)
  })
})

/** Ten features of which only the first says anything, in 60 rows: a strong penalty is right. */
const rows = randomRows(11, { rows: 60, cols: 10 })
const random = seededRandom(5)
const values = rows.map((row) => row[0]! + 3 * random.normal())
const labels = rows.map((row) => Number(row[0]! + 2 * random.normal() > 0))
const matrix = dense(rows)

describe('a path of strengths', () => {
  it('chooses a strong penalty where there is much noise, and a weak one where there is none', () => {
    const noisy = fitLinear({ matrix, target: numberTarget(values), hyperparameters: { path: 9 } })
    const clear = fitLinear({ matrix, target: numberTarget(rows.map((row) => row[0]!)), hyperparameters: { path: 9 } })
    expect(noisy.penalty.l2).toBeGreaterThan(10)
    expect(clear.penalty.l2).toBeCloseTo(0.01)
    expect(clear.warnings[0]).toContain('weakest')
  })

  it('ends in the model of the strength it chose', () => {
    for (const given of [{ l2: 0.5 }, { l2: 0.1, l1: 2 }, { l2: 0, l1: 1 }]) {
      const hyperparameters = { ...EXACT, ...given, path: 7 }
      const chosen = fitLogistic({ matrix, target: classTarget(labels), hyperparameters })
      const plain = fitLogistic({
        matrix,
        target: classTarget(labels),
        hyperparameters: { ...EXACT, ...chosen.penalty },
      })
      expect(farthest(chosen.weights, plain.weights)).toBeLessThan(1e-5)
      const linear = fitLinear({ matrix, target: numberTarget(values), hyperparameters })
      const again = fitLinear({
        matrix,
        target: numberTarget(values),
        hyperparameters: { ...EXACT, ...linear.penalty },
      })
      expect(farthest(linear.weights, again.weights)).toBeLessThan(1e-5)
    }
  })

  it('goes from strong to weak, and stops once weaker is no better', () => {
    const tried: number[] = []
    const done: number[] = []
    const { factor } = chooseStrength<number>({
      path: 9,
      folds: innerFolds(10, { seed: 1 }),
      solver: () => (strength, hooks) => {
        tried.push(strength)
        hooks.onProgress?.({ iteration: 1, loss: 0, done: 1 })
        return strength
      },
      judge: (strength, held) => ({ loss: Math.abs(Math.log(strength / 10)), scores: new Float64Array(held.length) }),
      hooks: { onProgress: (progress) => done.push(progress.done) },
    })
    expect(factor).toBeCloseTo(10)
    const steps = [...new Set(tried)].map((strength) => Number(strength.toPrecision(2)))
    expect(steps).toEqual([100, 32, 10, 3.2, 1, 0.32])
    expect(done).toEqual([...done].sort((a, b) => a - b))
  })

  it('stops where it is told to', () => {
    const hooks = { shouldStop: () => true }
    const fit = () => fitLogistic({ matrix, target: classTarget(labels), hyperparameters: { path: 5 }, hooks })
    expect(fit).toThrow('cancelled')
  })
})
