// Small models for the runtime's tests, among them one that takes as long as it is told to: a Loop that counts.
import { GraphBuilder } from '../src/ml/onnx/graph.ts'
import { modelBytes, nodeMessage, tensorMessage, valueMessage } from '../src/ml/onnx/proto.ts'
import { ELEMENT_TYPES } from '../src/ml/onnx/types.ts'
import { Message } from '../src/ml/onnx/wire.ts'
import type { Tensor } from '../src/runtime/index.ts'

/** y = x + `amount`, for x of shape [N]. */
export function addModel(amount: number): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N'])
  const b = graph.constant('b', { type: 'float32', dims: [1], data: Float32Array.of(amount) })
  graph.output('y', graph.node('Add', [x, b]), 'float32', ['N'])
  return graph.build({ name: `add ${amount}` })
}

/** y = x, in 16 bits, for x of shape [N]. */
export function halfModel(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N'])
  const half = graph.node('Cast', [x], { attributes: { to: { int: ELEMENT_TYPES.float16 } } })
  graph.output('y', half, 'float16', ['N'])
  return graph.build({ name: 'half' })
}

/** y = x for every element type that the builder knows, each under its own name. */
export function echoModel(
  types: readonly ('float32' | 'float64' | 'int64' | 'int32' | 'bool' | 'string')[],
): Uint8Array {
  const graph = new GraphBuilder()
  for (const type of types) {
    const x = graph.input(`${type}_in`, type, ['N', 'M'])
    graph.output(`${type}_out`, graph.node('Identity', [x]), type, ['N', 'M'])
  }
  return graph.build({ name: 'echo' })
}

/** A constant of `megabytes`, to be seen in the memory of the process; y = x + its first value, which is 0. */
export function heavyModel(megabytes: number): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N'])
  const data = new Float32Array(megabytes * 2 ** 18)
  const weights = graph.constant('w', { type: 'float32', dims: [data.length], data })
  const at = graph.constant('at', { type: 'int64', dims: [1], data: [0] })
  graph.output('y', graph.node('Add', [x, graph.node('Gather', [weights, at])]), 'float32', ['N'])
  return graph.build({ name: 'heavy' })
}

/** y = x + `count` by adding 1 `count` times, where `count` is an input: the time it takes is the caller's choice. */
export function loopModel(): Uint8Array {
  const body = new Message()
  const plain = { domain: '', attributes: {} }
  body.message(1, nodeMessage({ op: 'Identity', name: 'go', inputs: ['more'], outputs: ['more_out'], ...plain }))
  body.message(1, nodeMessage({ op: 'Add', name: 'add', inputs: ['v', 'one'], outputs: ['v_out'], ...plain }))
  body.string(2, 'body')
  body.message(11, valueMessage('i', 'int64', []))
  body.message(11, valueMessage('more', 'bool', []))
  body.message(11, valueMessage('v', 'float32', [1]))
  body.message(12, valueMessage('more_out', 'bool', []))
  body.message(12, valueMessage('v_out', 'float32', [1]))
  const attribute = new Message()
  attribute.string(1, 'body')
  attribute.message(6, body)
  attribute.int(20, 5)
  const loop = nodeMessage({ op: 'Loop', name: 'loop', inputs: ['count', '', 'x'], outputs: ['y'], ...plain })
  loop.message(5, attribute)
  return modelBytes({
    name: 'loop',
    irVersion: 8,
    opsets: new Map([['', 18]]),
    metadata: {},
    nodes: [loop],
    initializers: [tensorMessage('one', { type: 'float32', dims: [1], data: Float32Array.of(1) })],
    inputs: [valueMessage('count', 'int64', []), valueMessage('x', 'float32', [1])],
    outputs: [valueMessage('y', 'float32', [1])],
  })
}

export function floats(...values: number[]): Tensor {
  return { type: 'float32', dims: [values.length], data: Float32Array.from(values) }
}

export function loopFeeds(count: number, x = 0): Record<string, Tensor> {
  return { count: { type: 'int64', dims: [], data: BigInt64Array.of(BigInt(count)) }, x: floats(x) }
}

/** A classifier of two columns `X`: label (int64) and two probabilities; class 1 where the first column is the greater. */
export function twoClassModel(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('X', 'float32', ['N', 2])
  const swap = graph.constant('swap', { type: 'float32', dims: [2, 2], data: Float32Array.of(0, 1, 1, 0) })
  const probabilities = graph.node('Softmax', [graph.node('MatMul', [x, swap])], { attributes: { axis: { int: 1 } } })
  graph.output(
    'label',
    graph.node('ArgMax', [probabilities], { attributes: { axis: { int: 1 }, keepdims: { int: 0 } } }),
    'int64',
    ['N'],
  )
  graph.output('probabilities', probabilities, 'float32', ['N', 2])
  return graph.build({ name: 'two classes' })
}

/** y = x of shape [N], once a loop that has no end has ended. */
export function endlessModel(): Uint8Array {
  const plain = { domain: '', attributes: {} }
  const body = new Message()
  body.message(1, nodeMessage({ op: 'Identity', name: 'go', inputs: ['more'], outputs: ['more_out'], ...plain }))
  body.message(1, nodeMessage({ op: 'Identity', name: 'keep', inputs: ['v'], outputs: ['v_out'], ...plain }))
  body.string(2, 'body')
  body.message(11, valueMessage('i', 'int64', []))
  body.message(11, valueMessage('more', 'bool', []))
  body.message(11, valueMessage('v', 'float32', ['N']))
  body.message(12, valueMessage('more_out', 'bool', []))
  body.message(12, valueMessage('v_out', 'float32', ['N']))
  const attribute = new Message()
  attribute.string(1, 'body')
  attribute.message(6, body)
  attribute.int(20, 5)
  const loop = nodeMessage({ op: 'Loop', name: 'loop', inputs: ['', 'yes', 'x'], outputs: ['y'], ...plain })
  loop.message(5, attribute)
  return modelBytes({
    name: 'endless',
    irVersion: 8,
    opsets: new Map([['', 18]]),
    metadata: {},
    nodes: [
      nodeMessage({
        op: 'Cast',
        name: 'cast',
        inputs: ['one'],
        outputs: ['yes'],
        domain: '',
        attributes: { to: { int: 9 } },
      }),
      loop,
    ],
    initializers: [tensorMessage('one', { type: 'int64', dims: [], data: [1] })],
    inputs: [valueMessage('x', 'float32', ['N'])],
    outputs: [valueMessage('y', 'float32', ['N'])],
  })
}

export interface OtherFile {
  readonly location: string
  /** In bytes. */
  readonly offset?: number
  readonly length?: number
}

/** `w`, `size` numbers of float32 that stand in another file. */
export function externalWeights(size: number, place: OtherFile): Message {
  const weights = new Message()
  weights.int(1, size) // dims
  weights.int(2, 1) // float
  weights.string(8, 'w')
  for (const [key, value] of Object.entries(place)) {
    if (value === undefined) continue
    const entry = new Message()
    entry.string(1, key)
    entry.string(2, String(value))
    weights.message(13, entry)
  }
  weights.int(14, 1) // kept elsewhere
  return weights
}

/** y = x + weights that the file says lie in `/etc/passwd`. */
export function externalModel(): Uint8Array {
  const plain = { domain: '', attributes: {} }
  return modelBytes({
    name: 'external',
    irVersion: 8,
    opsets: new Map([['', 18]]),
    metadata: {},
    nodes: [nodeMessage({ op: 'Add', name: 'add', inputs: ['x', 'w'], outputs: ['y'], ...plain })],
    initializers: [externalWeights(1, { location: '/etc/passwd' })],
    inputs: [valueMessage('x', 'float32', ['N'])],
    outputs: [valueMessage('y', 'float32', ['N'])],
  })
}

/** y = 10 · id for ids below `size`; a run with any other id fails. */
export function lookupModel(size: number): Uint8Array {
  const graph = new GraphBuilder()
  const id = graph.input('id', 'int64', ['N'])
  const data = Float32Array.from({ length: size }, (_, i) => 10 * i)
  graph.output(
    'y',
    graph.node('Gather', [graph.constant('t', { type: 'float32', dims: [size], data }), id]),
    'float32',
    ['N'],
  )
  return graph.build({ name: 'lookup' })
}

/** y = x − the mean over all rows: the answer of a row depends on its neighbours. */
export function meanModel(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', 2])
  const axes = graph.constant('axes', { type: 'int64', dims: [1], data: [0] })
  const mean = graph.node('ReduceMean', [x, axes], { attributes: { keepdims: { int: 1 } } })
  graph.output('y', graph.node('Sub', [x, mean]), 'float32', ['N', 2])
  return graph.build({ name: 'mean' })
}

/** y = x + `amount`, for x of shape [N] between 0 and 9, or missing; the run fails for anything else. */
export function pickyModel(amount: number): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N'])
  const table = graph.constant('table', { type: 'float32', dims: [10], data: new Float32Array(10).fill(amount) })
  const zero = graph.constant('zero', { type: 'float32', dims: [1], data: Float32Array.of(0) })
  const known = graph.node('Where', [graph.node('IsNaN', [x]), zero, x])
  const index = graph.node('Cast', [known], { attributes: { to: { int: 7 } } })
  graph.output('y', graph.node('Add', [x, graph.node('Gather', [table, index])]), 'float32', ['N'])
  return graph.build({ name: `picky ${amount}` })
}

/** Sixty-four numbers times a matrix of as many rows: enough weights to be quantized. */
export function wideModel(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', 64])
  const data = Float32Array.from({ length: 4096 }, (_, i) => Math.sin(i))
  const w = graph.constant('w', { type: 'float32', dims: [64, 64], data })
  graph.output('y', graph.node('MatMul', [x, w]), 'float32', ['N', 64])
  return graph.build({ name: 'wide' })
}

/** y = the sum of `n` copies of x (a scalar in [1]), all of them in memory at once. */
export function hungryModel(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', [1])
  const n = graph.input('n', 'int64', [1])
  const axes = graph.constant('axes', { type: 'int64', dims: [1], data: [0] })
  graph.output('y', graph.node('ReduceSum', [graph.node('Expand', [x, n]), axes]), 'float32', [1])
  return graph.build({ name: 'hungry' })
}

/** y = x for cubes of [N, 2, 2]. */
export function cubeModel(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', 2, 2])
  graph.output('y', graph.node('Identity', [x]), 'float32', ['N', 2, 2])
  return graph.build({ name: 'cube' })
}
