// The written graph, run by ONNX Runtime, against the ensemble's own answers.
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../core/random.ts'
import type { FeatureInfo } from '../../features.ts'
import type { DenseMatrix } from '../../matrix.ts'
import { GraphBuilder } from '../../onnx/graph.ts'
import type { FitInput, FittedModel } from '../learner.ts'
import { classTarget, dense, farthest, numberTarget } from '../testing.ts'
import { fitBoosting } from './gradient-boosting.ts'

const FEATURES: FeatureInfo[] = [
  { name: 'a', column: 'a', kind: 'number' },
  { name: 'b', column: 'b', kind: 'number' },
  { name: 'few', column: 'few', kind: 'category', categories: 4 },
  { name: 'many', column: 'many', kind: 'category', categories: 80 },
]

/** Numbers with gaps and many equal values, and two columns of categories, of which each answer depends on all. */
function aTable(rows: number, seed: number): { matrix: DenseMatrix; scores: number[] } {
  const random = seededRandom(seed)
  const table = Array.from({ length: rows }, () => [
    random.next() < 0.2 ? Number.NaN : Math.round(random.normal() * 8) / 8,
    random.next() < 0.1 ? Number.NaN : random.normal() * 1e-3,
    random.integer(4),
    random.integer(80),
  ])
  const scores = table.map(([a, b, few, many]) => {
    const number = Number.isNaN(a) ? 0.7 : a! + (Number.isNaN(b) ? -1 : 900 * b!)
    return number + (few === 2 ? 1 : 0) + ((many! * 7919) % 13) / 6 - 1
  })
  return { matrix: dense(table), scores }
}

async function run(model: FittedModel, matrix: DenseMatrix) {
  const graph = new GraphBuilder()
  model.write(graph, graph.input('features', 'float32', ['N', matrix.cols]))
  const session = await InferenceSession.create(graph.build({ name: 'trees' }), {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  })
  return session.run({ features: new Tensor('float32', matrix.values, [matrix.rows, matrix.cols]) })
}

const train = aTable(3000, 1)
const fresh = aTable(3000, 2)
const classesOf = (scores: readonly number[], count: number) =>
  scores.map((score) => Math.max(0, Math.min(count - 1, Math.floor(score + count / 2))))

const learn = (target: FitInput['target'], hyperparameters = {}) =>
  fitBoosting({
    matrix: train.matrix,
    target,
    features: FEATURES,
    hyperparameters: { n_estimators: 200, min_data_per_group: 20, ...hyperparameters },
  })

describe('the graph of boosted trees', () => {
  it.each([2, 3, 6])('answers for %i classes what the trees say, on rows it has not seen', async (count) => {
    const model = await learn(classTarget(classesOf(train.scores, count), count))
    const { label, probabilities } = await run(model, fresh.matrix)
    const { values } = model.predict(fresh.matrix)
    expect(farthest(probabilities!.data as Float32Array, values)).toBeLessThan(1e-5)
    const labels = Array.from(label!.data as BigInt64Array, Number)
    const own = labels.map((_, row) => {
      const shares = values.subarray(row * count, (row + 1) * count)
      return shares.indexOf(Math.max(...shares))
    })
    expect(labels).toEqual(own)
  })

  it('splits on sets of categories and on missing values', async () => {
    const { trees } = (await learn(numberTarget(train.scores))).ensemble!
    expect(trees.some((tree) => tree.categories.some((set) => (set?.length ?? 0) > 3))).toBe(true)
    expect(trees.some((tree) => tree.missingLeft.includes(1))).toBe(true)
    expect(
      trees.some((tree) => tree.feature.some((feature, node) => feature === 0 && tree.missingLeft[node] === 0)),
    ).toBe(true)
  })

  it.each(['squared', 'poisson', 'absolute'])('answers numbers learned by loss %s', async (objective) => {
    const model = await learn(numberTarget(train.scores.map((score) => Math.max(0, score + 2))), { objective })
    const { prediction } = await run(model, fresh.matrix)
    expect(farthest(prediction!.data as Float32Array, model.predict(fresh.matrix).values)).toBeLessThan(1e-4)
  })

  it('answers the same for categories nobody has seen', async () => {
    const model = await learn(numberTarget(train.scores))
    const odd = dense([99, 1000, 255, 256, 80].map((code) => [0.5, Number.NaN, code, code]))
    const { prediction } = await run(model, odd)
    expect(farthest(prediction!.data as Float32Array, model.predict(odd).values)).toBeLessThan(1e-5)
  })

  it('puts values on a threshold, and the next float32 beside it, on the side of training', async () => {
    const model = await learn(numberTarget(train.scores))
    const [bits, floats] = [new Uint32Array(1), new Float32Array(1)]
    const view = new Uint32Array(floats.buffer)
    const rows = model.ensemble!.trees.flatMap((tree) =>
      Array.from(tree.threshold, (threshold) => {
        floats[0] = threshold
        bits[0] = view[0]! + 1
        return [
          [threshold, threshold, 0, 0],
          [new Float32Array(bits.buffer)[0]!, threshold, 1, 1],
        ]
      }).flat(),
    )
    const edges = dense(rows)
    const { prediction } = await run(model, edges)
    expect(farthest(prediction!.data as Float32Array, model.predict(edges).values)).toBeLessThan(1e-5)
  })

  it('answers from the base score alone where nothing could be split', async () => {
    const same = dense(Array.from({ length: 60 }, () => [1, 1, 0, 0]))
    const target = numberTarget(Array.from({ length: 60 }, (_, i) => i))
    const model = await fitBoosting({ matrix: same, target, features: FEATURES })
    const { prediction } = await run(model, same)
    expect((prediction!.data as Float32Array)[7]).toBeCloseTo(29.5, 5)
    expect(model.warnings).toEqual([expect.stringContaining('No split was found')])
  })

  it('accepts an empty batch', async () => {
    const { prediction } = await run(await learn(numberTarget(train.scores)), {
      ...fresh.matrix,
      rows: 0,
      values: new Float32Array(),
    })
    expect(prediction!.dims).toEqual([0])
  })
})
