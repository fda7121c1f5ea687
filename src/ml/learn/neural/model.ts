// A network that has learned: predicts in 64 bits, as a check on the graph that serves, and writes itself as ONNX nodes.
import { fail } from '../../../core/failure.ts'
import type { Matrix } from '../../matrix.ts'
import type { GraphBuilder, Value } from '../../onnx/graph.ts'
import { softmaxAll } from '../calibration/calibrate.ts'
import type { FittedModel, LearningTarget } from '../learner.ts'
import { addRowDense } from '../softmax-loss.ts'
import { addRowSparse } from '../sparse-rows.ts'
import { writeClasses } from '../write-classes.ts'
import { CUT, cut, layersOf, layerWeights, type NetworkShape, type Parameters } from './network.ts'

interface Layer {
  readonly inputs: number
  readonly outputs: number
  /** inputs × outputs */
  readonly weights: Float32Array
  readonly bias: Float32Array
}

export interface NetworkFit {
  readonly shape: NetworkShape
  readonly parameters: Parameters
  /** What a score of 1 and of 0 mean for regression. */
  readonly unit: { readonly scale: number; readonly centre: number }
  readonly iterations: number
  readonly converged: boolean
  readonly warnings: readonly string[]
}

export function networkModel(fit: NetworkFit, target: LearningTarget): FittedModel {
  const layers = inUnit(layersIn(fit), fit.unit)
  const { iterations, converged, warnings, shape } = fit
  if (layers.some(({ weights, bias }) => ![...weights, ...bias].every(Number.isFinite))) {
    throw fail('invalid', 'TRAINING_DIVERGED', 'The network diverged: lower learning_rate, or scale the features')
  }
  return {
    iterations,
    converged,
    warnings,
    predict(matrix) {
      const { inputs, outputs } = { inputs: layers[0]!.inputs, outputs: layers.at(-1)!.outputs }
      if (matrix.cols !== inputs) {
        const message = `The model was fitted on ${inputs} features and cannot predict from ${matrix.cols}`
        throw fail('invalid', 'FEATURE_COUNT_MISMATCH', message)
      }
      const scores = scoresOf(layers, cut(matrix), shape.activation)
      const values = target.task === 'regression' ? scores : softmaxAll(scores, outputs)
      return { rows: matrix.rows, width: outputs, values }
    },
    write(graph, features) {
      const scores = writeLayers(graph, features, { layers, activation: shape.activation })
      if (target.task === 'classification') {
        writeClasses(graph, graph.node('Softmax', [scores], { attributes: { axis: { int: 1 } } }), target)
        return
      }
      const flat = graph.constant('flat_shape', { type: 'int64', dims: [1], data: [-1] })
      graph.output('prediction', graph.node('Reshape', [scores, flat]), 'float32', ['N'])
    },
  }
}

function layersIn({ shape, parameters }: NetworkFit): Layer[] {
  return layersOf(shape).map((place) => {
    const { inputs, outputs } = place
    const all = layerWeights(parameters, place)
    return { inputs, outputs, weights: all.slice(0, inputs * outputs), bias: all.slice(inputs * outputs) }
  })
}

/** The last layer answers in the unit of the target. */
function inUnit(layers: readonly Layer[], { scale, centre }: NetworkFit['unit']): Layer[] {
  const last = layers.at(-1)!
  const scaled = {
    ...last,
    weights: last.weights.map((weight) => weight * scale),
    bias: last.bias.map((bias) => bias * scale + centre),
  }
  return [...layers.slice(0, -1), scaled]
}

function scoresOf(layers: readonly Layer[], matrix: Matrix, activation: NetworkShape['activation']): Float64Array {
  const wide = layers.map(({ weights, ...layer }) => ({ ...layer, weights: Float64Array.from(weights) }))
  const outputs = layers.at(-1)!.outputs
  const all = new Float64Array(matrix.rows * outputs)
  for (let row = 0; row < matrix.rows; row++) {
    let fed = new Float64Array(0)
    wide.forEach(({ inputs, weights, bias }, l) => {
      const scores = Float64Array.from(bias)
      if (l > 0) addVector(fed, weights, scores)
      else if (matrix.form === 'csr') addRowSparse(matrix, row, { parameters: weights, scores })
      else addRowDense({ ...matrix, cols: inputs }, row, { parameters: weights, scores })
      if (l < wide.length - 1) bend(scores, activation)
      fed = scores
    })
    all.set(fed, row * outputs)
  }
  return all
}

function addVector(fed: Float64Array, weights: Float64Array, scores: Float64Array): void {
  const width = scores.length
  for (let j = 0; j < fed.length; j++) {
    const value = fed[j]!
    if (value === 0) continue
    for (let k = 0; k < width; k++) scores[k]! += value * weights[j * width + k]!
  }
}

function bend(values: Float64Array, activation: NetworkShape['activation']): void {
  for (let k = 0; k < values.length; k++) {
    values[k] = activation === 'relu' ? Math.max(0, values[k]!) : Math.tanh(values[k]!)
  }
}

function writeLayers(
  graph: GraphBuilder,
  features: Value,
  { layers, activation }: { layers: readonly Layer[]; activation: NetworkShape['activation'] },
): Value {
  const bound = (value: number) => graph.constant('cut', { type: 'float32', dims: [], data: Float32Array.of(value) })
  let flowing = graph.node('Clip', [features, bound(-CUT), bound(CUT)])
  layers.forEach(({ inputs, outputs, weights, bias }, l) => {
    const b = graph.constant('weights', { type: 'float32', dims: [inputs, outputs], data: weights })
    const c = graph.constant('bias', { type: 'float32', dims: [outputs], data: bias })
    flowing = graph.node('Gemm', [flowing, b, c], { hint: 'scores' })
    if (l < layers.length - 1) flowing = graph.node(activation === 'relu' ? 'Relu' : 'Tanh', [flowing])
  })
  return flowing
}
