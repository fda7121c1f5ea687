import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import type { Precision } from '../../../contract/quantization.ts'
import { seededRandom } from '../../../core/random.ts'
import { GraphBuilder, type NodeOptions, type Value } from '../graph.ts'
import { inspectModel } from '../inspect.ts'
import { quantizeModel } from './index.ts'

const random = seededRandom(7)
const numbers = (count: number, scale = 1) => Float32Array.from({ length: count }, () => random.normal() * scale)

type Build = (graph: GraphBuilder, x: Value) => Value

interface Case {
  readonly name: string
  readonly dims: readonly number[]
  readonly build: Build
  /** Weights that become small. */
  readonly weights: number
  /** Of the size of the answers; 3 %. */
  readonly error?: number
  /** Dimensions of the answers; as many as go in. */
  readonly rank?: number
}

const weight = (graph: GraphBuilder, dims: readonly number[], scale = 0.1) =>
  graph.constant('w', {
    type: 'float32',
    dims,
    data: numbers(
      dims.reduce((a, b) => a * b),
      scale,
    ),
  })
const bias = (graph: GraphBuilder, count: number) =>
  graph.constant('b', { type: 'float32', dims: [count], data: numbers(count) })
const attributes = (given: NodeOptions['attributes']): NodeOptions => ({ attributes: given! })

const CASES: readonly Case[] = [
  {
    name: 'MatMul',
    dims: [5, 64],
    weights: 64 * 48,
    build: (graph, x) => graph.node('MatMul', [x, weight(graph, [64, 48])]),
  },
  {
    name: 'MatMul over tokens',
    dims: [2, 7, 64],
    weights: 64 * 48,
    build: (graph, x) => graph.node('MatMul', [x, weight(graph, [64, 48])]),
  },
  {
    name: 'Gemm with every setting',
    dims: [5, 64],
    weights: 64 * 48,
    build: (graph, x) =>
      graph.node(
        'Gemm',
        [x, weight(graph, [48, 64]), bias(graph, 48)],
        attributes({ alpha: { float: 0.5 }, beta: { float: 3 }, transB: { int: 1 } }),
      ),
  },
  {
    name: 'a perceptron',
    dims: [9, 40],
    weights: 40 * 64 + 64 * 32,
    build(graph, x) {
      const hidden = graph.node('Relu', [graph.node('Gemm', [x, weight(graph, [40, 64]), bias(graph, 64)])])
      return graph.node('Gemm', [hidden, weight(graph, [64, 32])])
    },
  },
  {
    name: 'Conv with padding, strides and a bias',
    dims: [3, 4, 9, 9],
    weights: 32 * 4 * 9,
    build: (graph, x) =>
      graph.node(
        'Conv',
        [x, weight(graph, [32, 4, 3, 3]), bias(graph, 32)],
        attributes({ pads: { ints: [1, 1, 1, 1] }, strides: { ints: [2, 2] } }),
      ),
  },
  {
    name: 'Conv in groups, of what Relu left',
    dims: [2, 32, 6, 6],
    weights: 32 * 16 * 9,
    build: (graph, x) =>
      graph.node(
        'Conv',
        [graph.node('Relu', [x]), weight(graph, [32, 16, 3, 3])],
        attributes({ group: { int: 2 }, pads: { ints: [1, 1, 1, 1] } }),
      ),
  },
  {
    name: 'Conv of one dimension',
    dims: [2, 16, 20],
    weights: 32 * 16 * 5,
    build: (graph, x) => graph.node('Conv', [x, weight(graph, [32, 16, 5])]),
  },
  {
    name: 'Gather',
    dims: [3, 4],
    weights: 100 * 16,
    rank: 3,
    build(graph, x) {
      const sizes = graph.node('Abs', [graph.node('Mul', [x, weight(graph, [4], 20)])])
      const indices = graph.node('Cast', [sizes], attributes({ to: { int: 7 } }))
      return graph.node('Gather', [weight(graph, [100, 16]), indices])
    },
  },
  {
    name: 'Attention',
    dims: [2, 5, 32],
    weights: 32 * 96,
    error: 0.05,
    build: (graph, x) =>
      graph.node('Attention', [x, weight(graph, [32, 96], 0.2), bias(graph, 96)], {
        domain: 'com.microsoft',
        attributes: { num_heads: { int: 4 } },
      }),
  },
  {
    name: 'Attention that looks back only',
    dims: [2, 5, 32],
    weights: 32 * 96,
    error: 0.05,
    build: (graph, x) =>
      graph.node('Attention', [x, weight(graph, [32, 96], 0.2), bias(graph, 96)], {
        domain: 'com.microsoft',
        attributes: { num_heads: { int: 2 }, unidirectional: { int: 1 } },
      }),
  },
  {
    name: 'Attention to the tokens that are there',
    dims: [2, 5, 32],
    weights: 32 * 96,
    error: 0.05,
    build(graph, x) {
      const first = graph.node('ReduceMax', [x, graph.constant('last', { type: 'int64', dims: [1], data: [2] })], {
        attributes: { keepdims: { int: 0 } },
      })
      const floor = graph.constant('floor', { type: 'float32', dims: [], data: Float32Array.of(1.5) })
      const mask = graph.node('Cast', [graph.node('Greater', [first, floor])], attributes({ to: { int: 6 } }))
      return graph.node('Attention', [x, weight(graph, [32, 96], 0.2), bias(graph, 96), mask], {
        domain: 'com.microsoft',
        attributes: { num_heads: { int: 4 } },
      })
    },
  },
]

function fileOf({ build, dims, rank = dims.length }: Pick<Case, 'build' | 'dims' | 'rank'>): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', ...dims.slice(1)])
  const y = build(graph, x)
  graph.output('y', y, 'float32', ['N', ...Array.from({ length: rank - 1 }, (_, i) => `d${i}`)])
  return graph.build({ name: 'model', metadata: { made_by: 'a test' } })
}

async function opened(bytes: Uint8Array) {
  const session = await InferenceSession.create(bytes)
  return async (x: Float32Array, dims: readonly number[]) => {
    const { y } = await session.run({ x: new Tensor('float32', x, dims) })
    return y!.data as Float32Array
  }
}

async function answers(bytes: Uint8Array, x: Float32Array, dims: readonly number[]) {
  return (await opened(bytes))(x, dims)
}

/** Root of the mean square of the differences, of that of the answers. */
function error(found: Float32Array, truth: Float32Array): number {
  let [difference, size] = [0, 0]
  for (const [i, value] of truth.entries()) {
    difference += (found[i]! - value) ** 2
    size += value ** 2
  }
  return Math.sqrt(difference / size)
}

const refused = (bytes: Uint8Array, precision: Precision = 'int8') => {
  try {
    quantizeModel(bytes, precision)
  } catch (failure) {
    return failure
  }
  throw new Error('It was quantized')
}

describe.each(CASES)('$name', (one) => {
  const bytes = fileOf(one)
  const x = numbers(one.dims.reduce((a, b) => a * b))

  it('answers nearly the same with INT8 weights', async () => {
    const small = quantizeModel(bytes, 'int8')
    expect(small.weights).toBe(one.weights)
    expect(small.kept).toEqual([])
    const found = await answers(small.bytes, x, one.dims)
    const truth = await answers(bytes, x, one.dims)
    expect(found.length).toBe(truth.length)
    expect(error(found, truth)).toBeLessThan(one.error ?? 0.03)
    expect(error(found, truth)).toBeGreaterThan(0)
    const before = inspectModel(bytes)
    const after = inspectModel(small.bytes)
    expect(after.tensors.bytes).toBeLessThan(before.tensors.bytes * 0.25 + one.weights * 0.15 + 2000)
    expect(after).toMatchObject({ inputs: before.inputs, outputs: before.outputs, metadata: { made_by: 'a test' } })
  })

  it('answers a row the same whatever rows are beside it', async () => {
    const ask = await opened(quantizeModel(bytes, 'int8').bytes)
    const together = await ask(x, one.dims)
    const [rows, ...rest] = one.dims
    const size = x.length / rows!
    const width = together.length / rows!
    for (let row = 0; row < rows!; row++) {
      const alone = await ask(x.slice(row * size, (row + 1) * size), [1, ...rest])
      const own = together.slice(row * width, (row + 1) * width)
      for (const [i, value] of own.entries()) expect(value).toBeCloseTo(alone[i]!, 5)
    }
  })

  it('answers to three digits with FP16 weights, of half the size', async () => {
    const half = quantizeModel(bytes, 'fp16')
    expect(half.weights).toBe(one.weights)
    expect(error(await answers(half.bytes, x, one.dims), await answers(bytes, x, one.dims))).toBeLessThan(1e-3)
    const saved = inspectModel(bytes).tensors.bytes - inspectModel(half.bytes).tensors.bytes
    expect(saved).toBe(one.weights * 2)
  })
})

describe('quantizing', () => {
  const perceptron = fileOf(CASES[3]!)

  it('makes a file of a quarter, or a half, of the size', () => {
    const large = fileOf({ dims: [1, 512], build: (graph, x) => graph.node('MatMul', [x, weight(graph, [512, 512])]) })
    expect(quantizeModel(large, 'int8').bytes.length / large.length).toBeCloseTo(0.25, 1)
    expect(quantizeModel(large, 'fp16').bytes.length / large.length).toBeCloseTo(0.5, 2)
  })

  it('gives the same bytes each time', () => {
    expect(quantizeModel(perceptron, 'int8').bytes).toEqual(quantizeModel(perceptron, 'int8').bytes)
  })

  it('stores a weight once that two nodes share, and keeps one that another operator reads too', async () => {
    const build: Build = (graph, x) => {
      const w = weight(graph, [40, 40])
      const twice = graph.node('MatMul', [graph.node('MatMul', [x, w]), w])
      return graph.node('Add', [twice, graph.node('ReduceMax', [w, graph.constant('axes', AXES)])])
    }
    const bytes = fileOf({ dims: [3, 40], build })
    const small = quantizeModel(bytes, 'int8')
    expect(small).toMatchObject({ weights: 1600, operators: { MatMul: 2 } })
    const sizes = inspectModel(small.bytes).initializers.map((tensor) => tensor.bytes)
    expect(sizes.filter((size) => size === 1600)).toHaveLength(1)
    expect(sizes.filter((size) => size === 6400)).toHaveLength(1)
    const x = numbers(120)
    expect(error(await answers(small.bytes, x, [3, 40]), await answers(bytes, x, [3, 40]))).toBeLessThan(0.03)
  })

  it('answers zeros, huge rows and rows of nothing as the model itself', async () => {
    const small = quantizeModel(perceptron, 'int8').bytes
    for (const scale of [0, 1e-20, 1e6]) {
      const x = numbers(80, scale)
      const [found, truth] = [await answers(small, x, [2, 40]), await answers(perceptron, x, [2, 40])]
      expect(error(found, truth)).toBeLessThan(0.03)
    }
  })

  it('does not let one outlier of a batch blur the others', async () => {
    const small = quantizeModel(perceptron, 'int8').bytes
    const x = numbers(80)
    x.fill(1e5, 40)
    const [found, truth] = [await answers(small, x, [2, 40]), await answers(perceptron, x, [2, 40])]
    expect(error(found.slice(0, 32), truth.slice(0, 32))).toBeLessThan(0.03)
  })

  it('says which nodes it left and why', () => {
    const build: Build = (graph, x) => {
      const turned = graph.node('Transpose', [x])
      const first = graph.node('Gemm', [turned, weight(graph, [64, 40])], attributes({ transA: { int: 1 } }))
      const second = graph.node('MatMul', [first, weight(graph, [40, 40])])
      return graph.node('MatMul', [graph.node('MatMul', [second, weight(graph, [40, 4])]), weight(graph, [2, 4, 200])])
    }
    const { kept, operators } = quantizeModel(fileOf({ dims: [3, 64], build }), 'int8')
    expect(operators).toEqual({ MatMul: 1 })
    expect(kept).toEqual([
      { operator: 'Gemm', reason: 'its input is transposed', nodes: 1 },
      { operator: 'MatMul', reason: 'it has fewer than 1024 weights', nodes: 1 },
      { operator: 'MatMul', reason: 'its weights have 3 dimensions', nodes: 1 },
    ])
  })

  it('keeps weights wide that 16 bits cannot hold', () => {
    const build: Build = (graph, x) => {
      const data = numbers(2048).fill(70_000, 0, 1)
      const large = graph.constant('large', { type: 'float32', dims: [64, 32], data })
      return graph.node('MatMul', [graph.node('MatMul', [x, large]), weight(graph, [32, 32])])
    }
    const half = quantizeModel(fileOf({ dims: [1, 64], build }), 'fp16')
    expect(half.weights).toBe(1024)
    expect(half.kept[0]!.reason).toContain('65504')
  })
})

const AXES = { type: 'int64', dims: [1], data: [0] } as const

describe('what cannot be quantized is refused', () => {
  it.each(['int8', 'fp16'] as const)('what was quantized before: %s', (precision) => {
    const again = quantizeModel(fileOf(CASES[0]!), precision).bytes
    for (const next of ['int8', 'fp16'] as const) {
      expect(refused(again, next)).toMatchObject({ kind: 'invalid', code: 'MODEL_ALREADY_QUANTIZED' })
    }
  })

  it('a model without weights, one with few, and one whose weights are another type', () => {
    const none = fileOf({ dims: [1, 4], build: (graph, x) => graph.node('Neg', [x]) })
    expect(refused(none)).toMatchObject({
      code: 'MODEL_NOT_QUANTIZABLE',
      message: expect.stringContaining('no operator'),
    })
    const few = fileOf({ dims: [1, 4], build: (graph, x) => graph.node('MatMul', [x, weight(graph, [4, 2])]) })
    expect(refused(few)).toMatchObject({ message: expect.stringContaining('fewer than 1024 weights') })
    const graph = new GraphBuilder()
    const w = graph.constant('w', { type: 'float64', dims: [64, 64], data: new Float64Array(4096) })
    graph.output('y', graph.node('MatMul', [graph.input('x', 'float64', ['N', 64]), w]), 'float64', ['N', 64])
    expect(refused(graph.build({ name: 'm' }))).toMatchObject({ message: expect.stringContaining('not float32') })
  })

  it.each(['int8', 'fp16'] as const)('trees: %s', (precision) => {
    const ints = (...values: number[]) => ({ ints: values })
    const attributes = {
      ...{ nodes_treeids: ints(0, 0, 0), nodes_nodeids: ints(0, 1, 2), nodes_featureids: ints(0, 0, 0) },
      nodes_modes: { strings: ['BRANCH_LEQ', 'LEAF', 'LEAF'] },
      ...{ nodes_values: { floats: [0.5, 0, 0] }, nodes_truenodeids: ints(1, 0, 0), nodes_falsenodeids: ints(2, 0, 0) },
      ...{ target_treeids: ints(0, 0), target_nodeids: ints(1, 2), target_ids: ints(0, 0) },
      ...{ target_weights: { floats: [1, 2] }, n_targets: { int: 1 } },
    }
    const build: Build = (graph, x) => graph.node('TreeEnsembleRegressor', [x], { domain: 'ai.onnx.ml', attributes })
    expect(refused(fileOf({ dims: [1, 1], build }), precision)).toMatchObject({
      code: 'MODEL_NOT_QUANTIZABLE',
      message: expect.stringContaining('made of trees'),
    })
  })

  it('weights that are not finite', () => {
    const build: Build = (graph, x) => {
      const data = numbers(4096).fill(Number.NaN, 9, 10)
      return graph.node('MatMul', [x, graph.constant('w', { type: 'float32', dims: [64, 64], data })])
    }
    for (const precision of ['int8', 'fp16'] as const) {
      expect(refused(fileOf({ dims: [1, 64], build }), precision)).toMatchObject({ code: 'MODEL_NOT_QUANTIZABLE' })
    }
  })

  it('bytes that are no model, and a weight that ends too early', () => {
    expect(refused(Uint8Array.of(1, 2, 3))).toMatchObject({ kind: 'malformed' })
    const bytes = fileOf(CASES[0]!)
    for (let cut = 1; cut < bytes.length; cut += 997) {
      const failure = refused(bytes.subarray(0, cut)) as { kind: string }
      expect(['malformed', 'invalid']).toContain(failure.kind)
    }
  })
})
