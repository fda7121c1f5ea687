// Blends: averages in memory and in the graph, members that see their own columns, and what is refused.
import fc from 'fast-check'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import type { FeatureInfo } from '../../features.ts'
import type { DenseMatrix } from '../../matrix.ts'
import { GraphBuilder } from '../../onnx/graph.ts'
import { ALGORITHMS } from '../algorithms.ts'
import type { FittedModel, LearningTarget } from '../learner.ts'
import { classTarget, dense, farthest, numberTarget, randomRows, sparse } from '../testing.ts'
import { columnsOf, selectColumns } from './columns.ts'

const ROWS = 120
const matrix = dense(randomRows(3, { rows: ROWS, cols: 4 }))
const labels = (classes: number) =>
  Array.from({ length: ROWS }, (_, row) =>
    matrix.values[4 * row]! + matrix.values[4 * row + 1]! ** 2 > 0.5 ? 1 : row % classes,
  )
const numbers = numberTarget(
  Array.from({ length: ROWS }, (_, row) => 3 * matrix.values[4 * row]! + Math.sign(matrix.values[4 * row + 1]!)),
)

async function run(model: FittedModel, { rows, cols, values }: DenseMatrix) {
  const graph = new GraphBuilder()
  model.write(graph, graph.input('features', 'float32', ['N', cols]))
  const bytes = graph.build({ name: 'test' })
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 })
  return session.run({ features: new Tensor('float32', values, [rows, cols]) })
}

interface Named {
  readonly algorithm: string
  readonly hyperparameters: Readonly<Record<string, unknown>>
}

const boosted = { algorithm: 'gradient_boosting', hyperparameters: { n_estimators: 20 } }
const fitAlone = (target: LearningTarget, { algorithm, hyperparameters }: Named) =>
  ALGORITHMS[algorithm as 'gradient_boosting'].fit({ matrix, target, hyperparameters })

describe('a blend', () => {
  it.each([
    ['two classes', classTarget(labels(2), 2), 'logistic_regression', 'probabilities'],
    ['three classes', classTarget(labels(3), 3), 'logistic_regression', 'probabilities'],
    ['numbers', numbers, 'linear_regression', 'prediction'],
  ] as const)(
    'of %s answers the weighted average of its members, in the file too',
    async (_, target, linear, output) => {
      const members = [
        { algorithm: linear, hyperparameters: { l2: 2 }, weight: 3 },
        { ...boosted, weight: 1 },
      ]
      const model = await ALGORITHMS.blend.fit({ matrix, target, hyperparameters: { members } })
      const { values } = model.predict(matrix)
      const alone = await Promise.all(members.map((member) => fitAlone(target, member)))
      const [first, second] = alone.map((one) => one.predict(matrix).values)
      const expected = first!.map((value, i) => 0.75 * value + 0.25 * second![i]!)
      expect(farthest(values, expected)).toBeLessThan(1e-12)
      const outputs = await run(model, matrix)
      expect(farthest(outputs[output]!.data as Float32Array, values)).toBeLessThan(1e-5)
    },
  )

  it('averages the log odds of two classes where that is asked for, in the file too', async () => {
    const target = classTarget(labels(2), 2)
    const members = [
      { algorithm: 'logistic_regression', hyperparameters: { l2: 2 }, weight: 1 },
      { ...boosted, weight: 3 },
    ]
    const model = await ALGORITHMS.blend.fit({ matrix, target, hyperparameters: { members, average: 'log_odds' } })
    const alone = await Promise.all(members.map((member) => fitAlone(target, member)))
    const odds = alone.map((one) => one.predict(matrix).values.map((value) => Math.log(value / (1 - value))))
    const expected = odds[0]!.map((value, i) => 1 / (1 + Math.exp(-(0.25 * value + 0.75 * odds[1]![i]!))))
    const { values } = model.predict(matrix)
    expect(farthest(values, expected)).toBeLessThan(1e-9)
    expect(farthest((await run(model, matrix)).probabilities!.data as Float32Array, values)).toBeLessThan(1e-5)
  })

  it.each([
    ['three classes', classTarget(labels(3), 3)],
    ['numbers', numbers],
  ])('has no log odds to average of %s', async (_, target) => {
    const refused = async () => ALGORITHMS.blend.fit({ matrix, target, hyperparameters: { average: 'log_odds' } })
    await expect(refused()).rejects.toMatchObject({
      details: { errors: [expect.objectContaining({ field: 'hyperparameters.average' })] },
    })
  })

  it('is made of the linear algorithm and of trees where no members are named', async () => {
    const model = await ALGORITHMS.blend.fit({ matrix, target: numbers })
    expect(model.members).toHaveLength(3)
    expect(model.members!.map(({ share }) => share)).toEqual([1 / 3, 1 / 3, 1 / 3])
  })

  it('shows each member its own part of the columns', async () => {
    const feature = (name: string, part: number): FeatureInfo => ({ name, column: name, kind: 'number', part })
    const features = [feature('a', 0), feature('b', 0), feature('a', 1), feature('b', 1)]
    const members = [
      { algorithm: 'linear_regression', hyperparameters: {}, weight: 1 },
      { ...boosted, hyperparameters: { ...boosted.hyperparameters, monotone_constraints: { a: 1 } }, weight: 1 },
    ]
    const model = await ALGORITHMS.blend.fit({ matrix, features, target: numbers, hyperparameters: { members } })
    const widths = model.members!.map(({ see }) => see(matrix).cols)
    expect(widths).toEqual([2, 2])
    const outputs = await run(model, matrix)
    expect(farthest(outputs.prediction!.data as Float32Array, model.predict(matrix).values)).toBeLessThan(1e-4)
  })

  it.each([
    [{ algorithm: 'blend' }, 'members.0.algorithm'],
    [{ algorithm: 'logistic_regression' }, 'members.0.algorithm'],
    [{ algorithm: 'gradient_boosting', hyperparameters: { trees: 3 } }, 'members.0.hyperparameters.trees'],
    [{ algorithm: 'gradient_boosting', weight: 0 }, 'members.0.weight'],
  ])('refuses %j and says where', async (member, field) => {
    const refused = async () =>
      ALGORITHMS.blend.fit({ matrix, target: numbers, hyperparameters: { members: [member] } })
    await expect(refused()).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
      details: { errors: [expect.objectContaining({ field: `hyperparameters.${field}` })] },
    })
  })

  it('stops when it is told to, between members as well as within', async () => {
    let asked = 0
    const members = [boosted, boosted, boosted].map((member) => ({ ...member, weight: 1 }))
    const stopped = ALGORITHMS.blend.fit({
      matrix,
      target: numbers,
      hyperparameters: { members },
      hooks: { shouldStop: () => ++asked > 50 },
    })
    await expect(stopped).rejects.toMatchObject({ code: 'TRAINING_CANCELLED' })
    expect(asked).toBe(51)
  })
})

describe('columns of a part', () => {
  it('are the same of a dense and of a sparse matrix', () => {
    const shapes = fc.record({
      rows: fc.integer({ min: 1, max: 6 }),
      cols: fc.integer({ min: 1, max: 7 }),
      seed: fc.nat(),
    })
    fc.assert(
      fc.property(shapes, fc.nat(), fc.nat(), ({ rows, cols, seed }, a, b) => {
        const whole = dense(randomRows(seed, { rows, cols, zeros: 0.5 }))
        const [start, last] = [a % cols, b % cols].sort((one, other) => one - other) as [number, number]
        const part = selectColumns(whole, { start, end: last + 1 })
        expect(selectColumns(sparse(whole), { start, end: last + 1 })).toEqual(sparse(part as DenseMatrix))
        expect([...part.values]).toEqual([...whole.values].filter((_, i) => i % cols >= start && i % cols <= last))
      }),
    )
  })

  it('are all where features are not divided', () => {
    expect(columnsOf([{ name: 'a', column: 'a', kind: 'number' }], 1)).toEqual({ start: 0, end: 1 })
  })
})
