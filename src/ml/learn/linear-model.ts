// A fitted linear model: scores are features × weights + bias, then sigmoid, softmax or nothing. The weights are rounded to
// 32 bits the moment they are fitted, because that is what the model file holds: `predict` then differs from the file
// only by the order of summation.
import { fail } from '../../core/failure.ts'
import type { Matrix } from '../matrix.ts'
import type { GraphBuilder, Value } from '../onnx/graph.ts'
import { softmaxAll } from './calibration/calibrate.ts'
import { climbAll, type Ladders, writeLadders } from './calibration/ladders.ts'
import type { ClassTarget, FittedModel, LearningTarget } from './learner.ts'
import { addRowDense } from './softmax-loss.ts'
import { addRowSparse } from './sparse-rows.ts'
import { writeClasses, writePair } from './write-classes.ts'

export interface LinearFit {
  /** [column · outputs + output]. */
  readonly weights: Float64Array
  /** One for each output: 1 for regression and two classes, otherwise one a class. */
  readonly bias: Float64Array
  readonly iterations: number
  readonly converged: boolean
  readonly warnings: readonly string[]
  /** The strengths it was fitted with, which a path chose. */
  readonly penalty: Penalty
}

export interface Penalty {
  readonly l2: number
  readonly l1: number
}

export interface LinearModel extends FittedModel {
  readonly weights: Float32Array
  readonly bias: Float32Array
  readonly penalty: Penalty
}

/** `ladders` (isotonic calibration) take the place of the sigmoid, or come after the softmax. */
export function linearModel(fit: LinearFit, target: LearningTarget, ladders?: Ladders): LinearModel {
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
  const { iterations, converged, warnings, penalty } = fit
  return {
    weights,
    bias,
    iterations,
    converged,
    warnings,
    penalty,
    predict(matrix) {
      if (matrix.cols !== width) {
        const message = `The model was fitted on ${width} features and cannot predict from ${matrix.cols}`
        throw fail('invalid', 'FEATURE_COUNT_MISMATCH', message)
      }
      const scores = scoreRows(matrix, { weights: Float64Array.from(weights), bias: Float64Array.from(bias) })
      if (target.task === 'regression') return { rows: matrix.rows, width: 1, values: scores }
      const shares = outputs === 1 ? scores : softmaxAll(scores, outputs)
      const classes = Math.max(2, outputs)
      if (ladders) return { rows: matrix.rows, width: classes, values: climbAll(ladders, shares) }
      return { rows: matrix.rows, width: classes, values: outputs === 1 ? sigmoids(scores) : shares }
    },
    write(graph, features) {
      const scores = writeScores(graph, features, { weights, bias })
      if (target.task === 'classification') writeProbabilities(graph, scores, { target, ladders })
      else graph.output('prediction', flat(graph, scores), 'float32', ['N'])
    },
  }
}

/** Row-major, rows × outputs: features × weights + bias. */
export function scoreRows(matrix: Matrix, fit: Pick<LinearFit, 'weights' | 'bias'>): Float64Array {
  const { weights: parameters, bias } = fit
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

function sigmoids(scores: Float64Array): Float64Array {
  const values = new Float64Array(scores.length * 2)
  for (let row = 0; row < scores.length; row++) {
    values[2 * row] = 1 / (1 + Math.exp(scores[row]!))
    values[2 * row + 1] = 1 / (1 + Math.exp(-scores[row]!))
  }
  return values
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

interface Classes {
  readonly target: ClassTarget
  readonly ladders: Ladders | undefined
}

function writeProbabilities(graph: GraphBuilder, scores: Value, { target, ladders }: Classes): void {
  const many = target.classes.length > 2
  const shares = many ? graph.node('Softmax', [scores], { attributes: { axis: { int: 1 } }, hint: 'softmax' }) : scores
  if (ladders) writeClasses(graph, writeLadders(graph, shares, ladders), target)
  else writeClasses(graph, many ? shares : writePair(graph, scores), target)
}
