// One step of learning as an ONNX graph: forward, backward and Adam (Kingma and Ba 2015, with decoupled weight decay after
// Loshchilov and Hutter 2019). The gradients are written out by hand, because ONNX Runtime for inference has no automatic
// ones; a test compares them with differences of the loss. A table of sparse features stays outside, see bag.ts.
import { GraphBuilder, type Value } from '../../onnx/graph.ts'
import { type LayerPlace, layersOf, type NetworkShape } from './network.ts'

export interface GraphOptions {
  readonly shape: NetworkShape
  readonly task: 'classification' | 'regression'
  readonly dropout: boolean
  readonly weightDecay: boolean
}

/** Of Adam. */
export const BETA1 = 0.9
export const BETA2 = 0.999
export const EPSILON = 1e-8

/**
 * Inputs: `x` [B, features + 1], the last column 1, or where the features are sparse what the first layer makes of them,
 * [B, first width]; `y` [B, 1], int32 classes or float32 values; `weight` [B, 1], which add up to about 1; `rest`, the
 * layers behind each other; for learning its running means `m` and `v`, `rate` [1] (the step size with the corrections of
 * Adam), `decay` [1] where there is weight decay, and `keep_<layer>` where there is dropout.
 * Outputs: `loss` [1]; for learning `next`, `next_m`, `next_v`, and for sparse features `slope`, the derivative by `x`.
 * Without any layer in the graph there is no `rest` and nothing about it.
 */
export function stepGraph(options: GraphOptions): Uint8Array {
  const net = declare(options)
  const layers = layersOf(options.shape)
  const passed = forward(net, layers, options)
  const { loss, slope } = lossOf(net, passed.scores, options)
  net.graph.output('loss', loss, 'float32', [1])
  const { gradients, first } = backward(net, { layers, passed, slope }, options)
  if (first) net.graph.output('slope', first, 'float32', ['B', options.shape.sizes[1]!])
  if (net.rest) update(net, net.rest, { layers, gradients, decays: options.weightDecay })
  return net.graph.build({ name: 'step' })
}

/** The loss alone, for rows that are not learned from. */
export function lossGraph(options: GraphOptions): Uint8Array {
  const net = declare({ ...options, dropout: false })
  const { scores } = forward(net, layersOf(options.shape), { ...options, dropout: false })
  net.graph.output('loss', lossOf(net, scores, options).loss, 'float32', [1])
  return net.graph.build({ name: 'loss' })
}

interface Net {
  readonly graph: GraphBuilder
  readonly x: Value
  readonly y: Value
  readonly weight: Value
  readonly rest: Value | undefined
  float(value: number): Value
  ints(...values: number[]): Value
}

function declare({ shape, task }: GraphOptions): Net {
  const graph = new GraphBuilder()
  const floats = new Map<number, Value>()
  const input = (name: string, dims: (number | string)[]) => graph.input(name, 'float32', dims)
  const size = restSize(shape)
  return {
    graph,
    rest: size > 0 ? input('rest', [size]) : undefined,
    x: input('x', ['B', shape.sparse ? shape.sizes[1]! : shape.sizes[0]! + 1]),
    y: graph.input('y', task === 'classification' ? 'int32' : 'float32', ['B', 1]),
    weight: input('weight', ['B', 1]),
    float(value) {
      const known = floats.get(value)
      if (known) return known
      const made = graph.constant('number', { type: 'float32', dims: [1], data: Float32Array.of(value) })
      floats.set(value, made)
      return made
    },
    ints: (...values) => graph.constant('ints', { type: 'int64', dims: [values.length], data: values }),
  }
}

const restSize = (shape: NetworkShape) =>
  layersOf(shape).reduce((sum, { inputs, outputs, offset }) => sum + (offset < 0 ? 0 : (inputs + 1) * outputs), 0)

interface Passed {
  readonly scores: Value
  /** What each layer was fed, with the column of ones. */
  readonly fed: readonly Value[]
  /** Undefined for a table, which is not in the graph. */
  readonly weights: readonly (Value | undefined)[]
  /** What each hidden layer gave, before dropout and the column of ones. */
  readonly active: readonly Value[]
  readonly keeps: readonly (Value | undefined)[]
}

function forward(net: Net, layers: readonly LayerPlace[], { shape, dropout }: GraphOptions): Passed {
  const { graph } = net
  const weights = weightsOf(net, layers)
  const fed: Value[] = [net.x]
  const active: Value[] = []
  const keeps: (Value | undefined)[] = []
  let scores = net.x
  layers.forEach(({ outputs }, l) => {
    const own = weights[l]
    if (own) scores = graph.node('MatMul', [fed[l]!, own], { hint: 'scores' })
    if (l === layers.length - 1) return
    const bent = graph.node(shape.activation === 'relu' ? 'Relu' : 'Tanh', [scores], { hint: 'hidden' })
    const keep = dropout ? graph.input(`keep_${l}`, 'float32', ['B', outputs]) : undefined
    const kept = keep ? graph.node('Mul', [bent, keep]) : bent
    const shapeOf = graph.node('Shape', [net.weight])
    const ones = graph.node('ConstantOfShape', [shapeOf], {
      attributes: { value: { tensor: { type: 'float32', dims: [1], data: Float32Array.of(1) } } },
    })
    active.push(bent)
    keeps.push(keep)
    fed.push(graph.node('Concat', [kept, ones], { attributes: { axis: { int: 1 } }, hint: 'fed' }))
  })
  return { scores, fed, weights, active, keeps }
}

function weightsOf({ graph, rest, ints }: Net, layers: readonly LayerPlace[]): (Value | undefined)[] {
  if (!rest) return layers.map(() => undefined)
  const inRest = layers.filter(({ offset }) => offset >= 0)
  const sizes = inRest.map(({ inputs, outputs }) => (inputs + 1) * outputs)
  const parts =
    inRest.length > 1
      ? graph.nodes('Split', [rest, ints(...sizes)], inRest.length, { attributes: { axis: { int: 0 } } })
      : [rest]
  const shaped = inRest.map(({ inputs, outputs }, i) => graph.node('Reshape', [parts[i]!, ints(inputs + 1, outputs)]))
  return layers.map(({ offset }) => (offset < 0 ? undefined : shaped.shift()))
}

/** Σ weight·loss, and its derivative by the scores. */
function lossOf(net: Net, scores: Value, { task, shape }: GraphOptions): { loss: Value; slope: Value } {
  const { graph, y, weight, float, ints } = net
  const sum = (value: Value) =>
    graph.node('ReduceSum', [value, ints(0, 1)], { attributes: { keepdims: { int: 0 } }, hint: 'sum' })
  const flat = (value: Value) => graph.node('Reshape', [value, ints(1)])
  if (task === 'regression') {
    const error = graph.node('Sub', [scores, y])
    const slope = graph.node('Mul', [error, weight], { hint: 'delta' })
    const squares = graph.node('Mul', [graph.node('Mul', [error, slope]), float(0.5)])
    return { loss: flat(sum(squares)), slope }
  }
  const classes = shape.sizes.at(-1)!
  const names = graph.constant('classes', {
    type: 'int32',
    dims: [1, classes],
    data: Int32Array.from({ length: classes }, (_, k) => k),
  })
  const isClass = graph.node('Cast', [graph.node('Equal', [y, names])], { attributes: { to: { int: 1 } } })
  const logs = graph.node('LogSoftmax', [scores], { attributes: { axis: { int: 1 } } })
  const own = graph.node('Mul', [graph.node('Mul', [logs, isClass]), weight])
  const gap = graph.node('Sub', [graph.node('Exp', [logs]), isClass])
  return { loss: flat(graph.node('Neg', [sum(own)])), slope: graph.node('Mul', [gap, weight], { hint: 'delta' }) }
}

interface Backward {
  readonly layers: readonly LayerPlace[]
  readonly passed: Passed
  readonly slope: Value
}

interface Gradients {
  /** Of every layer in the graph, shaped as its weights. */
  readonly gradients: readonly Value[]
  /** The derivative by what a table made, where there is one. */
  readonly first: Value | undefined
}

function backward(net: Net, { layers, passed, slope }: Backward, { shape }: GraphOptions): Gradients {
  const { graph, ints } = net
  const gradients: Value[] = []
  let coming = slope
  for (let l = layers.length - 1; l >= 0; l--) {
    const weights = passed.weights[l]
    if (!weights) return { gradients, first: coming }
    const transposed = { attributes: { transA: { int: 1 } }, hint: 'gradient' }
    gradients.unshift(graph.node('Gemm', [passed.fed[l]!, coming], transposed))
    if (l === 0) break
    // Nothing flows back into the column of ones.
    const through = graph.node('Slice', [weights, ints(0), ints(layers[l]!.inputs), ints(0)])
    let back = graph.node('Gemm', [coming, through], { attributes: { transB: { int: 1 } } })
    const keep = passed.keeps[l - 1]
    if (keep) back = graph.node('Mul', [back, keep])
    coming = graph.node('Mul', [back, unbend(net, passed.active[l - 1]!, shape)], { hint: 'delta' })
  }
  return { gradients, first: undefined }
}

/** The derivative of the activation, from what it gave. */
function unbend({ graph, float }: Net, hidden: Value, { activation }: NetworkShape): Value {
  if (activation === 'tanh') return graph.node('Sub', [float(1), graph.node('Mul', [hidden, hidden])])
  return graph.node('Cast', [graph.node('Greater', [hidden, float(0)])], { attributes: { to: { int: 1 } } })
}

interface Update {
  readonly layers: readonly LayerPlace[]
  readonly gradients: readonly Value[]
  readonly decays: boolean
}

function update({ graph, float }: Net, before: Value, { layers, gradients, decays }: Update): void {
  const pulled = notConstants(layers)
  const dims = [pulled.length]
  const rate = graph.input('rate', 'float32', [1])
  const flat = gradients.map((one) =>
    graph.node('Reshape', [one, graph.constant('flat', { type: 'int64', dims: [1], data: [-1] })]),
  )
  const gradient = flat.length === 1 ? flat[0]! : graph.node('Concat', flat, { attributes: { axis: { int: 0 } } })
  const mean = (name: string, beta: number, value: Value) => {
    const kept = graph.node('Mul', [graph.input(name, 'float32', dims), float(beta)])
    return graph.node('Add', [kept, graph.node('Mul', [value, float(1 - beta)])])
  }
  const m = mean('m', BETA1, gradient)
  const v = mean('v', BETA2, graph.node('Mul', [gradient, gradient]))
  const size = graph.node('Add', [graph.node('Sqrt', [v]), float(EPSILON)])
  let step = graph.node('Mul', [graph.node('Div', [m, size]), rate])
  if (decays) {
    const pull = graph.node('Mul', [before, graph.input('decay', 'float32', [1])])
    const weightsOnly = graph.constant('pulled', { type: 'float32', dims, data: pulled })
    step = graph.node('Add', [step, graph.node('Mul', [pull, weightsOnly])])
  }
  graph.output('next', graph.node('Sub', [before, step]), 'float32', dims)
  graph.output('next_m', m, 'float32', dims)
  graph.output('next_v', v, 'float32', dims)
}

/** 1 for a weight, 0 for a constant. */
function notConstants(layers: readonly LayerPlace[]): Float32Array {
  const inRest = layers.filter(({ offset }) => offset >= 0)
  const data = new Float32Array(inRest.reduce((sum, { inputs, outputs }) => sum + (inputs + 1) * outputs, 0))
  for (const { inputs, outputs, offset } of inRest) data.fill(1, offset, offset + inputs * outputs)
  return data
}
