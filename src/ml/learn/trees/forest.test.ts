import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../onnx/graph.ts'
import type { FittedModel, LearningProgress } from '../learner.ts'
import { classTarget, dense, farthest, numberTarget, randomRows } from '../testing.ts'
import { fitForest } from './forest.ts'

const rows = randomRows(11, { rows: 900, cols: 6 })
const train = dense(rows.slice(0, 600))
const fresh = dense(rows.slice(600))
const score = ([a, b, c]: readonly number[]) => a! * b! + Math.sin(2 * c!)
const classes = (count: number) => rows.map((row) => Math.max(0, Math.min(count - 1, Math.round(score(row) + 1))))
const hyperparameters = { n_estimators: 60 }

async function run(model: FittedModel) {
  const graph = new GraphBuilder()
  model.write(graph, graph.input('features', 'float32', ['N', 6]))
  const session = await InferenceSession.create(graph.build({ name: 'forest' }), { logSeverityLevel: 3 })
  return session.run({ features: new Tensor('float32', fresh.values, [fresh.rows, 6]) })
}

describe('a random forest', () => {
  it.each([2, 3])('of %i classes answers shares of them, in the graph as in memory', async (count) => {
    const target = classTarget(classes(count).slice(0, 600), count)
    const model = await fitForest({ matrix: train, target, hyperparameters })
    const { values } = model.predict(fresh)
    expect(farthest((await run(model)).probabilities!.data as Float32Array, values)).toBeLessThan(1e-5)
    const right = classes(count)
      .slice(600)
      .filter((label, row) => {
        const own = [...values.subarray(row * count, (row + 1) * count)]
        return own.indexOf(Math.max(...own)) === label
      })
    expect(right.length / fresh.rows).toBeGreaterThan(0.75)
  })

  it('answers chances where the trees of no class know a row, in the graph as in memory', async () => {
    const target = classTarget(
      rows.slice(0, 600).map((_, row) => row % 5),
      5,
    )
    const single = { n_estimators: 1, min_data_in_leaf: 1 }
    const model = await fitForest({ matrix: train, target, hyperparameters: single })
    const { values } = model.predict(fresh)
    for (let at = 0; at < values.length; at += 5) {
      expect(values.subarray(at, at + 5).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 9)
    }
    expect(farthest((await run(model)).probabilities!.data as Float32Array, values)).toBeLessThan(1e-5)
  })

  it('never answers less than no chance, nor more than certainty', async () => {
    const target = classTarget(rows.slice(0, 600).map(([a]) => Number(a! > 0)))
    // A seventh in 32 bits is a little more than a seventh.
    const clear = { n_estimators: 7, colsample_bynode: 1 }
    const model = await fitForest({ matrix: train, target, hyperparameters: clear })
    const said = [...model.predict(fresh).values, ...((await run(model)).probabilities!.data as Float32Array)]
    expect(Math.min(...said)).toBe(0)
    expect(Math.max(...said)).toBeGreaterThan(1 - 1e-6)
    expect(Math.max(...said)).toBeLessThanOrEqual(1)
  })

  it('answers numbers far from zero as exactly as near it', async () => {
    const errorAround = async (level: number) => {
      const target = numberTarget(rows.slice(0, 600).map((row) => level + score(row)))
      const { values } = (await fitForest({ matrix: train, target, hyperparameters })).predict(fresh)
      return rows.slice(600).reduce((sum, row, i) => sum + (values[i]! - level - score(row)) ** 2, 0)
    }
    expect(await errorAround(1e6)).toBeLessThan(1.05 * (await errorAround(0)))
  })

  it('judges itself by rows that a tree has not seen', async () => {
    const seen: LearningProgress[] = []
    const target = numberTarget(rows.slice(0, 600).map(score))
    const hooks = { onProgress: (one: LearningProgress) => seen.push(one) }
    await fitForest({ matrix: train, target, hyperparameters: { ...hyperparameters, colsample_bynode: 0.5 }, hooks })
    expect(seen).toHaveLength(60)
    expect(seen.at(-1)!.loss).toBeLessThan(seen[0]!.loss)
    expect(seen.at(-1)!.done).toBe(1)
  })

  it('looks at all features of a split where few of many matter, at few where none does', async () => {
    const wide = randomRows(3, { rows: 300, cols: 40 })
    const alike = wide.map((row) => row.slice(0, 9))
    const target = numberTarget(wide.map(([a, b]) => a! - Math.abs(b!)))
    const noise = numberTarget(wide.map((row) => row[20]!))
    const found: unknown[] = []
    const hooks = { onProgress: ({ done }: LearningProgress) => found.push(done) }
    const few = await fitForest({ matrix: dense(wide), target, hyperparameters, hooks })
    expect(few.settled).toEqual({ colsample_bynode: 1 })
    expect(found).toEqual([...found].sort((a, b) => Number(a) - Number(b)))
    expect((await fitForest({ matrix: dense(alike), target: noise, hyperparameters })).settled!.colsample_bynode).toBe(
      1 / 3,
    )
    expect(
      (await fitForest({ matrix: dense(alike), target: noise, hyperparameters: few.settled! })).settled,
    ).toBeUndefined()
  })

  it('refuses more classes than it can grow trees for', async () => {
    const target = classTarget(
      Array.from({ length: 600 }, (_, i) => i % 300),
      300,
    )
    await expect(fitForest({ matrix: train, target })).rejects.toThrow(/merge classes.*logistic_regression/)
  })
})
