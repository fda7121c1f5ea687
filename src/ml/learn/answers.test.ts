// Rare classes are answered sooner: by every algorithm, in the file as in memory, and only in labels.
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { graphEngine } from '../../runtime/graph-engine.ts'
import { GraphBuilder } from '../onnx/graph.ts'
import { ALGORITHMS } from './algorithms.ts'
import { answersOf, preferences } from './answers.ts'
import { classTarget, dense, farthest } from './testing.ts'

const ROWS = 600
const random = seededRandom(5)
const table = Array.from({ length: ROWS }, () => [random.normal(), random.normal()])
const matrix = dense(table)
/** About one row in nine is of class 1, and none of them for certain. */
const rare = classTarget(table.map(([a]) => Number(random.next() < 0.25 * Number(a! > 0) * Math.min(1, a!) * 2)))
const target = (counts: readonly number[]) =>
  classTarget(counts.flatMap((count, k) => new Array<number>(count).fill(k)))

describe('what the probability of a class counts', () => {
  it.each([
    ['classes of like size', [100, 60, 51], undefined],
    ['a class of a quarter', [100, 25], [1, 2]],
    ['a class of very few', [10_000, 1], [1, 3]],
    ['three classes', [400, 100, 300], [1, 2, 1]],
    ['a class without rows', [0, 50, 60], undefined],
  ])('of %s', (_, counts, expected) => {
    const found = preferences(target(counts), {})
    expect(found && [...found]).toEqual(expected)
  })

  it('is the same for all where classes are weighted, asked for or by their rows', () => {
    const few = target([90, 10])
    const sampleWeights = Float64Array.from(few.labels, (label) => (label === 1 ? 9 : 1))
    expect(preferences(few, { hyperparameters: { class_weight: 'balanced' } })).toBeUndefined()
    expect(preferences(few, { sampleWeights })).toBeUndefined()
    expect(preferences(few, { hyperparameters: { labels: 'probable' } })).toBeUndefined()
  })

  it('is the same for all where every member of a blend weighs the classes', () => {
    const member = (class_weight: string) => ({
      algorithm: 'random_forest',
      hyperparameters: { class_weight },
      weight: 1,
    })
    const blend = (...weights: string[]) => ({ hyperparameters: { members: weights.map(member) } })
    expect(preferences(target([90, 10]), blend('balanced', 'balanced'))).toBeUndefined()
    expect([...preferences(target([90, 10]), blend('balanced', 'none'))!]).toEqual([1, 3])
  })

  it('counts again where weighted probabilities were set right', () => {
    const hyperparameters = { class_weight: 'balanced', calibration: 'sigmoid' }
    expect([...preferences(target([90, 10]), { hyperparameters })!]).toEqual([1, 3])
  })
})

it('the answer is the first of equals', () => {
  expect([...answersOf([0.5, 0.5, 0.75, 0.25, 0.8, 0.2], 2, [1, 3])]).toEqual([1, 0, 0])
  expect([...answersOf([0.5, 0.5, 0.4, 0.6], 2, undefined)]).toEqual([0, 1])
})

describe.each([
  ['logistic_regression', 'probable', {}],
  ['linear_svm', 'probable', {}],
  ['gradient_boosting', 'balanced', { n_estimators: 20 }],
  ['random_forest', 'balanced', { n_estimators: 20 }],
  ['neural_network', 'balanced', { epochs: 5 }],
  ['blend', 'balanced', { members: [{ algorithm: 'logistic_regression', hyperparameters: {}, weight: 1 }] }],
] as const)('%s', (algorithm, usual, hyperparameters) => {
  const fitted = (more: object) =>
    ALGORITHMS[algorithm].fit({
      matrix,
      target: rare,
      hyperparameters: { ...structuredClone(hyperparameters), ...more },
      engine: graphEngine,
    })

  it('writes labels that prefer the rare class, and the same probabilities', async () => {
    const [balanced, probable] = [await fitted({ labels: 'balanced' }), await fitted({ labels: 'probable' })]
    const graph = new GraphBuilder()
    balanced.write(graph, graph.input('features', 'float32', ['N', 2]))
    const session = await InferenceSession.create(graph.build({ name: 'test' }), { intraOpNumThreads: 1 })
    const { label, probabilities } = await session.run({ features: new Tensor('float32', matrix.values, [ROWS, 2]) })
    const { values } = balanced.predict(matrix)
    expect(farthest(values, probable.predict(matrix).values)).toBe(0)
    expect(farthest(probabilities!.data as Float32Array, values)).toBeLessThan(1e-5)
    const labels = Array.from(label!.data as BigInt64Array, Number)
    expect(labels).toEqual([...answersOf(values, 2, balanced.preferred)])
    const found = (own: Iterable<number>) => [...own].filter((one) => one === 1).length
    expect(found(labels)).toBeGreaterThan(found(answersOf(values, 2, probable.preferred)))
  })

  it(`answers ${usual} where nothing is said`, async () => {
    expect((await fitted({})).preferred).toEqual((await fitted({ labels: usual })).preferred)
  })
})
