import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { cutModel } from '../onnx/cut.ts'
import { GraphBuilder, type Value } from '../onnx/graph.ts'
import { readGraph } from '../onnx/nodes.ts'
import type { Attributes } from '../onnx/types.ts'
import { placesOf, readLearner } from './read-learner.ts'
import { answersOf, explainerOf } from './scores.ts'

const random = seededRandom(3)
const numbers = (count: number) => Float32Array.from({ length: count }, () => random.normal())
const ROWS = 6
const WIDTH = 3
const rows = numbers(ROWS * WIDTH)

type Build = (graph: GraphBuilder, x: Value) => Value

function file(build: Build, width: number): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', WIDTH])
  graph.output('y', build(graph, x), 'float32', ['N', width])
  return graph.build({ name: 'model' })
}

const ml = (op: string, attributes: Attributes, output: number): Build => {
  return (graph, x) => graph.nodes(op, [x], output + 1, { domain: 'ai.onnx.ml', attributes })[output]!
}

const weights = numbers(WIDTH * 3)
const bias = numbers(3)
const classes = { classlabels_int64s: { ints: [0, 1, 2] } }
const linear = {
  coefficients: { floats: weights },
  intercepts: { floats: bias },
  classlabels_ints: { ints: [0, 1, 2] },
}

/** Two trees over x0 and x1, with a leaf for each of three outputs or for one. */
function trees(names: 'class' | 'target', ids: readonly number[]): Attributes {
  return {
    nodes_treeids: { ints: [0, 0, 0, 1, 1, 1, 1, 1] },
    nodes_nodeids: { ints: [0, 1, 2, 0, 1, 2, 3, 4] },
    nodes_featureids: { ints: [0, 0, 0, 1, 0, 2, 0, 0] },
    nodes_values: { floats: [0.1, 0, 0, -0.2, 0, 0.3, 0, 0] },
    nodes_modes: { strings: ['BRANCH_LEQ', 'LEAF', 'LEAF', 'BRANCH_GT', 'LEAF', 'BRANCH_LT', 'LEAF', 'LEAF'] },
    nodes_truenodeids: { ints: [1, 0, 0, 1, 0, 3, 0, 0] },
    nodes_falsenodeids: { ints: [2, 0, 0, 2, 0, 4, 0, 0] },
    nodes_hitrates: { floats: [10, 4, 6, 10, 5, 5, 2, 3] },
    ...(names === 'target' && { n_targets: { int: 1 } }),
    [`${names}_treeids`]: { ints: [0, 0, 1, 1, 1] },
    [`${names}_nodeids`]: { ints: [1, 2, 1, 3, 4] },
    [`${names}_ids`]: { ints: ids },
    [`${names}_weights`]: { floats: [-1, 0.5, 2, -0.25, 0.75] },
  }
}

const MODELS: readonly (readonly [string, Build, number])[] = [
  [
    'LinearRegressor',
    ml('LinearRegressor', { coefficients: { floats: weights.subarray(0, 3) }, intercepts: { floats: [2] } }, 0),
    1,
  ],
  ['LinearClassifier, softmax', ml('LinearClassifier', { ...linear, post_transform: { string: 'SOFTMAX' } }, 1), 3],
  ['LinearClassifier, logistic', ml('LinearClassifier', { ...linear, post_transform: { string: 'LOGISTIC' } }, 1), 3],
  [
    'Gemm with turned weights',
    (graph, x) => {
      const w = graph.constant('w', { type: 'float32', dims: [3, WIDTH], data: weights })
      const b = graph.constant('b', { type: 'float32', dims: [3], data: bias })
      const scores = graph.node('Gemm', [x, w, b], { attributes: { transB: { int: 1 } } })
      return graph.node('Softmax', [scores], { attributes: { axis: { int: 1 } } })
    },
    3,
  ],
  [
    'MatMul and Add',
    (graph, x) => {
      const w = graph.constant('w', { type: 'float32', dims: [WIDTH, 3], data: weights })
      const b = graph.constant('b', { type: 'float32', dims: [3], data: bias })
      return graph.node('Exp', [graph.node('Add', [graph.node('MatMul', [x, w]), b])])
    },
    3,
  ],
  [
    'TreeEnsembleRegressor',
    ml('TreeEnsembleRegressor', { ...trees('target', [0, 0, 0, 0, 0]), base_values: { floats: [0.5] } }, 0),
    1,
  ],
  [
    'TreeEnsembleRegressor, average',
    ml('TreeEnsembleRegressor', { ...trees('target', [0, 0, 0, 0, 0]), aggregate_function: { string: 'AVERAGE' } }, 0),
    1,
  ],
  [
    'TreeEnsembleClassifier, softmax',
    ml(
      'TreeEnsembleClassifier',
      { ...trees('class', [0, 1, 2, 0, 1]), ...classes, post_transform: { string: 'SOFTMAX' } },
      1,
    ),
    3,
  ],
]

describe('readLearner', () => {
  it.each(MODELS)('reads a model whose scores give its answers: %s', async (_, build, width) => {
    const bytes = file(build, width)
    const learner = readLearner(readGraph(bytes))
    if (typeof learner === 'string') throw new Error(learner)
    const means = new Float64Array(WIDTH)
    const explainer = explainerOf(learner.kind === 'trees' ? learner : { ...learner, means })
    const session = await InferenceSession.create(bytes)
    const { y } = await session.run({ x: new Tensor('float32', rows, [ROWS, WIDTH]) })
    for (let row = 0; row < ROWS; row++) {
      const place = { offset: row * WIDTH }
      const scores = Array.from({ length: width }, (_, output) => explainer.score(rows, { ...place, output }))
      const answers = answersOf(learner.link, scores)
      for (const [k, value] of answers.entries()) expect(value).toBeCloseTo(Number(y!.data[row * width + k]), 5)
      const into = new Float64Array(WIDTH)
      explainer.explain(rows, { ...place, output: 0 }, into)
      expect(explainer.base[0]! + into.reduce((a, b) => a + b, 0)).toBeCloseTo(scores[0]!, 6)
    }
  })

  it('says why there is nothing to take apart', () => {
    const ones = { ...trees('target', [0, 0, 0, 0, 0]), nodes_hitrates: { floats: new Array(8).fill(1) } }
    const least = { ...trees('target', [0, 0, 0, 0, 0]), aggregate_function: { string: 'MIN' } }
    const why = (build: Build) => readLearner(readGraph(file(build, 1)))
    expect(why(ml('TreeEnsembleRegressor', ones, 0))).toContain('how many training rows')
    expect(why(ml('TreeEnsembleRegressor', least, 0))).toContain('MIN')
    expect(why((graph, x) => graph.node('Neg', [x]))).toContain('neither')
  })

  it.each([
    ['a ring', [1, 1, 0], [2, 2, 0], [1, 1, 0]],
    ['a branch that two questions lead to', [1, 2, 0], [1, 2, 0], [4, 2, 1]],
    ['a branch that none leads to', [2, 1, 0], [2, 1, 0], [2, 0, 1]],
  ])('refuses what is no tree: %s', (_, yes, no, covers) => {
    const ring: Attributes = {
      nodes_treeids: { ints: [0, 0, 0] },
      nodes_nodeids: { ints: [0, 1, 2] },
      nodes_featureids: { ints: [0, 1, 0] },
      nodes_values: { floats: [0, 0, 0] },
      nodes_modes: { strings: ['BRANCH_LEQ', 'BRANCH_LEQ', 'LEAF'] },
      nodes_truenodeids: { ints: yes },
      nodes_falsenodeids: { ints: no },
      nodes_hitrates: { floats: covers },
      n_targets: { int: 1 },
      target_treeids: { ints: [0] },
      target_nodeids: { ints: [2] },
      target_ids: { ints: [0] },
      target_weights: { floats: [1] },
    }
    const found = readLearner(readGraph(file(ml('TreeEnsembleRegressor', ring, 0), 1)))
    expect(found).toBe('its branches meet again, so they are no trees')
  })
})

describe('placesOf', () => {
  it('follows columns through casts and joins, and nothing that mixes them', () => {
    const graph = new GraphBuilder()
    const a = graph.input('a', 'float32', ['N', 1])
    const b = graph.input('b', 'float64', ['N', 2])
    const cast = graph.node('Cast', [b], { attributes: { to: { int: 1 } } })
    const both = graph.node('Concat', [cast, a], { attributes: { axis: { int: 1 } }, hint: 'both' })
    graph.output('mixed', graph.node('Softmax', [both], { hint: 'soft' }), 'float32', ['N', 3])
    const read = readGraph(graph.build({ name: 'joined' }))
    const widths = new Map([
      ['a', 1],
      ['b', 2],
    ])
    const place = (input: string, column: number) => ({ input, column })
    expect(placesOf(read, both.name, widths)).toEqual([place('b', 0), place('b', 1), place('a', 0)])
    expect(placesOf(read, 'mixed', widths)).toBeNull()
  })
})

describe('cutModel', () => {
  it('gives a value inside the graph, without what stands behind it', async () => {
    const [, build, width] = MODELS[4]!
    const whole = file(build, width)
    const sum = readGraph(whole).nodes.find(({ op }) => op === 'Add')!.outputs[0]!
    const { bytes, output } = cutModel(whole, sum)
    expect(readGraph(bytes).nodes.map(({ op }) => op)).toEqual(['MatMul', 'Add', 'Cast'])
    const feeds = { x: new Tensor('float32', rows, [ROWS, WIDTH]) }
    const { [output]: found } = await (await InferenceSession.create(bytes)).run(feeds)
    const { y } = await (await InferenceSession.create(whole)).run(feeds)
    for (const [i, value] of (y!.data as Float32Array).entries()) {
      expect(Math.exp(Number(found!.data[i]))).toBeCloseTo(value, 4)
    }
  })

  it('gives an input as it came, and refuses a value that is not there', async () => {
    const [, build, width] = MODELS[0]!
    const { bytes, output } = cutModel(file(build, width), 'x')
    const { [output]: found } = await (await InferenceSession.create(bytes)).run({
      x: new Tensor('float32', rows, [ROWS, WIDTH]),
    })
    expect(found!.data).toEqual(rows)
    expect(() => cutModel(bytes, 'nowhere')).toThrow('nowhere')
  })
})
