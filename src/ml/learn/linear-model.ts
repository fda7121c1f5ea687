// A fitted linear model: scores are features × weights + bias, then sigmoid, softmax or nothing. The weights are rounded to
// 32 bits the moment they are fitted, because that is what the model file holds: `predict` then differs from the file
// only by the order of summation.
import { fail } from '../../core/failure.ts'
import type { Matrix } from '../matrix.ts'
import type { GraphBuilder, Value } from '../onnx/graph.ts'
import type { ClassTarget, FittedModel, LearningTarget, Scores } from './learner.ts'
import { addRowDense } from './softmax-loss.ts'
import { addRowSparse } from './sparse-rows.ts'
import { writeClasses } from './write-classes.ts'

export interface LinearFit {
  /** [column · outputs + output]. */
  readonly weights: Float64Array
  /** One for each output: 1 for regression and two classes, otherwise one a class. */
  readonly bias: Float64Array
  readonly iterations: number
  readonly converged: boolean
  readonly warnings: readonly string[]
}

export interface LinearModel extends FittedModel {
  readonly weights: Float32Array
  readonly bias: Float32Array
}

export function linearModel(fit: LinearFit, target: LearningTarget): LinearModel {
  const weights = Float32Array.from(fit.weights)
  const bias = Float32Array.from(fit.bias)
  if (![...bias].every(Number.isFinite) || !weights.every(Number.isFinite)) {
    throw fail(
      'invalid',
      'TRAINING_DIVERGED',
      'The fitted weights are too large to store: raise l2, or scale the features',
    )
  }
  const outputs = bias.length
  const width = weights.length / outputs
  const { iterations, converged, warnings } = fit
  return {
    weights,
    bias,
    iterations,
    converged,
    warnings,
    predict(matrix) {
      if (matrix.cols !== width) {
        const message = `The model was fitted on ${width} features and cannot predict from ${matrix.cols}`
        throw fail('invalid', 'FEATURE_COUNT_MISMATCH', message)
      }
      const scores = score(matrix, Float64Array.from(weights), Float64Array.from(bias))
      if (target.task === 'regression') return { rows: matrix.rows, width: 1, values: scores }
      return outputs === 1 ? sigmoids(scores) : softmaxes(scores, outputs)
    },
    write(graph, features) {
      const scores = writeScores(graph, features, { weights, bias })
      if (target.task === 'classification') writeProbabilities(graph, scores, target)
      else graph.output('prediction', flat(graph, scores), 'float32', ['N'])
    },
  }
}

function score(matrix: Matrix, parameters: Float64Array, bias: Float64Array): Float64Array {
  const outputs = bias.length
  const all = new Float64Array(matrix.rows * outputs)
  const scores = new Float64Array(outputs)
  for (let row = 0; row < matrix.rows; row++) {
    scores.set(bias)
    if (matrix.form === 'csr') addRowSparse(matrix, row, { parameters, scores })
    else addRowDense(matrix, row, { parameters, scores })
    all.set(scores, row * outputs)
  }
  return all
}

function sigmoids(scores: Float64Array): Scores {
  const values = new Float64Array(scores.length * 2)
  for (let row = 0; row < scores.length; row++) {
    values[2 * row] = 1 / (1 + Math.exp(scores[row]!))
    values[2 * row + 1] = 1 / (1 + Math.exp(-scores[row]!))
  }
  return { rows: scores.length, width: 2, values }
}

function softmaxes(values: Float64Array, width: number): Scores {
  const rows = values.length / width
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * width, (row + 1) * width)
    let top = Number.NEGATIVE_INFINITY
    for (const value of own) if (value > top) top = value
    let sum = 0
    for (let k = 0; k < width; k++) sum += own[k] = Math.exp(own[k]! - top)
    for (let k = 0; k < width; k++) own[k]! /= sum
  }
  return { rows, width, values }
}

interface Coefficients {
  readonly weights: Float32Array
  readonly bias: Float32Array
}

function writeScores(graph: GraphBuilder, features: Value, { weights, bias }: Coefficients): Value {
  const outputs = bias.length
  const dims = [weights.length / outputs, outputs]
  const b = graph.constant('weights', { type: 'float32', dims, data: weights })
  const c = graph.constant('bias', { type: 'float32', dims: [outputs], data: bias })
  return graph.node('Gemm', [features, b, c], { hint: 'scores' })
}

function flat(graph: GraphBuilder, scores: Value): Value {
  const shape = graph.constant('flat_shape', { type: 'int64', dims: [1], data: [-1] })
  return graph.node('Reshape', [scores, shape], { hint: 'flat' })
}

function writeProbabilities(graph: GraphBuilder, scores: Value, target: ClassTarget): void {
  const probabilities =
    target.classes.length > 2
      ? graph.node('Softmax', [scores], { attributes: { axis: { int: 1 } }, hint: 'softmax' })
      : writePair(graph, scores)
  writeClasses(graph, probabilities, target)
}

/** Both ends of a two-class model come from a sigmoid of their own, so small probabilities keep their digits. */
function writePair(graph: GraphBuilder, scores: Value): Value {
  const second = graph.node('Sigmoid', [scores], { hint: 'second' })
  const first = graph.node('Sigmoid', [graph.node('Neg', [scores])], { hint: 'first' })
  return graph.node('Concat', [first, second], { attributes: { axis: { int: 1 } }, hint: 'pair' })
}
