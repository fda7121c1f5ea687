// How the new version's scores are taken apart: from its fitted trees, or as a linear model read back from its own file. What
// is kept must give the file's answers for held-out rows; else the version is explained by asking it.
import type { Encoding } from '../../../../ml/encode/index.ts'
import { readLearner } from '../../../../ml/explain/read-learner.ts'
import { answersOf, type Explainer, explainerOf } from '../../../../ml/explain/scores.ts'
import {
  restoreSum,
  restoreTrees,
  type StoredExplainer,
  type StoredFeatures,
  type StoredPart,
  storeTrees,
  toBase64,
} from '../../../../ml/explain/stored.ts'
import type { FittedModel } from '../../../../ml/learn/index.ts'
import type { Matrix } from '../../../../ml/matrix.ts'
import { GraphBuilder } from '../../../../ml/onnx/graph.ts'
import { readGraph } from '../../../../ml/onnx/nodes.ts'
import type { Predictions } from '../predictions.ts'

/** Between the answers of the file, in 32 bits, and those of the scores. */
const AGREEMENT = 1e-3
const ROWS_COMPARED = 100

export interface LearnerRequest {
  readonly encoding: Encoding
  readonly model: FittedModel
  /** The model file. */
  readonly file: Uint8Array
  /** The held-out rows as features, and what the file answered. */
  readonly matrix: Matrix
  readonly predictions: Predictions
}

export interface KeptLearner {
  readonly stored: StoredExplainer
  readonly explainer: Explainer
}

/** Undefined where the learner cannot be taken apart. */
export function keepLearner(request: LearnerRequest): KeptLearner | undefined {
  const kept = keepOne(request)
  return kept && agrees(kept.explainer, request) ? kept : undefined
}

function keepOne(request: LearnerRequest): KeptLearner | undefined {
  const { ensemble, averagesLogOdds } = request.model
  if (ensemble) return keepTrees(request)
  return averagesLogOdds ? keepSum(request) : keepLinear(request)
}

function featuresOf(encoding: Encoding): StoredFeatures {
  // The graph is written by the same calls in the same order as in the model file, so the name is the same.
  const { name } = encoding.write(new GraphBuilder())
  return { value: name, names: encoding.featureNames, columns: [...encoding.featureColumns] }
}

function keepTrees({ encoding, model }: LearnerRequest): KeptLearner {
  const learner = storeTrees(model.ensemble!)
  const trees = restoreTrees(learner, encoding.width)
  return {
    stored: { schema_version: 1, features: featuresOf(encoding), learner },
    explainer: explainerOf({ kind: 'trees', link: learner.link, trees }),
  }
}

function keepLinear({ encoding, file, matrix }: LearnerRequest): KeptLearner | undefined {
  const features = featuresOf(encoding)
  const learner = readLearner(readGraph(file))
  if (typeof learner === 'string' || learner.kind !== 'linear' || learner.features !== features.value) return undefined
  const means = averages(matrix)
  return {
    stored: { schema_version: 1, features, learner: { kind: 'linear', means: toBase64(means) } },
    explainer: explainerOf({ kind: 'linear', link: learner.link, linear: learner.linear, means }),
  }
}

/** Undefined where a member is neither linear nor made of trees whose scores are log odds. */
function keepSum({ encoding, model, matrix }: LearnerRequest): KeptLearner | undefined {
  const parts = (model.members ?? []).flatMap((member): StoredPart[] => {
    const { share, start, see } = member
    const { ensemble, weights, bias } = member.model
    const own = see(matrix)
    const about = { share, start, width: own.cols }
    if (ensemble?.link === 'sigmoid') return [{ ...about, learner: storeTrees(ensemble) }]
    if (!weights || !bias) return []
    const numbers = { weights: toBase64(weights), bias: toBase64(bias), means: toBase64(averages(own)) }
    return [{ ...about, learner: { kind: 'weights', ...numbers } }]
  })
  if (parts.length === 0 || parts.length < model.members!.length) return undefined
  return {
    stored: { schema_version: 1, features: featuresOf(encoding), learner: { kind: 'sum', parts } },
    explainer: explainerOf(restoreSum(parts, encoding.width)),
  }
}

function averages(matrix: Matrix): Float32Array {
  const sums = new Float64Array(matrix.cols)
  for (let i = 0; i < matrix.values.length; i++) {
    sums[matrix.form === 'dense' ? i % matrix.cols : matrix.indices[i]!]! += matrix.values[i]!
  }
  return Float32Array.from(sums, (sum) => sum / matrix.rows)
}

function agrees(explainer: Explainer, { matrix, predictions }: LearnerRequest): boolean {
  const given = predictions.task === 'classification' ? predictions.probabilities : predictions.values
  const width = given.length / matrix.rows
  for (let row = 0; row < Math.min(ROWS_COMPARED, matrix.rows); row++) {
    const features = rowOf(matrix, row)
    const scores = Array.from({ length: explainer.outputs }, (_, output) =>
      explainer.score(features, { offset: 0, output }),
    )
    const found = answersOf(explainer.link, scores)
    if (found.length !== width) return false
    const close = (value: number, i: number) => {
      const answer = given[row * width + i]!
      return Math.abs(value - answer) <= AGREEMENT * Math.max(1, Math.abs(answer))
    }
    if (!found.every(close)) return false
  }
  return true
}

/** One row of a matrix, dense. */
export function rowOf(matrix: Matrix, row: number): Float32Array {
  if (matrix.form === 'dense') return matrix.values.subarray(row * matrix.cols, (row + 1) * matrix.cols)
  const dense = new Float32Array(matrix.cols)
  for (let at = matrix.offsets[row]!; at < matrix.offsets[row + 1]!; at++)
    dense[matrix.indices[at]!] = matrix.values[at]!
  return dense
}
