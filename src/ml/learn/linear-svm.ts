// A linear support vector machine, one class against the others, with the squared hinge loss of scikit-learn's LinearSVC. Most texts
// it classes better than logistic regression does (docs/decisions/052-a-support-vector-machine-for-texts.md). What it says are
// margins: a slope and an offset, found on rows that were not learned from, make probabilities of them.
import { type Static, Type } from 'typebox'
import { fail } from '../../core/failure.ts'
import { seededRandom } from '../../core/random.ts'
import type { Matrix, SparseMatrix } from '../matrix.ts'
import { Labels } from './answers.ts'
import { fitCalibration } from './calibration/calibrate.ts'
import { checkData, unlearnable } from './check-data.ts'
import { type Descended, descend, type MarginRows } from './dual-descent.ts'
import { sparsify } from './fold.ts'
import { type InnerFold, innerFolds } from './inner-folds.ts'
import type { ClassTarget, FitInput } from './learner.ts'
import { type LinearModel, linearModel } from './linear-model.ts'
import { within } from './path.ts'
import { rowWeights } from './row-weights.ts'
import { rowsThatCount } from './sample.ts'
import { fillSettings, Intercept } from './settings.ts'

export const LinearSvmSettings = Type.Object(
  {
    cost: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1e12,
      default: 0.1,
      description:
        'What a row on the wrong side costs beside the length of the weights: C of scikit-learn. 0.1 is C = 1 for texts, whose features have a length of √10.',
    }),
    max_iterations: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 1000,
      description: 'Passes over the rows for each class after which to stop even if the tolerance is not reached.',
    }),
    tolerance: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 0.1,
      description: 'How far from their best place margins may be, 1 being the one that is aimed at.',
    }),
    class_weight: Type.Unsafe<'balanced' | 'none'>({
      type: 'string',
      enum: ['balanced', 'none'],
      default: 'none',
      description: '"balanced" gives every class the same total weight, however rare it is.',
    }),
    labels: Labels('probable'),
    fit_intercept: Intercept,
  },
  { additionalProperties: false },
)
type LinearSvmSettings = Static<typeof LinearSvmSettings>

/** Weights, as stored in the model file. */
const MAX_PARAMETERS = 64_000_000
/** Up to so many rows all of them tell what margins mean, five fits a class; of more a fifth, and one fit. */
const FEW_ROWS = 2000
/** Rows that are enough to find one slope. */
const MOST_JUDGED = 5000

/** Minimises ‖w‖²/2 + cost·Σ weightᵢ·max(0, 1 − marginᵢ)² for each class against the others, or once for two classes. */
export function fitLinearSvm(given: FitInput): LinearModel {
  checkData(given)
  const input = rowsThatCount(given)
  const { target, hyperparameters = {}, sampleWeights, seed = 0 } = input
  if (target.task !== 'classification')
    throw fail('internal', 'WRONG_TASK', 'A support vector machine predicts classes')
  const settings = fillSettings(LinearSvmSettings, hyperparameters)
  const outputs = target.classes.length > 2 ? target.classes.length : 1
  checkSize(input.matrix.cols, outputs)
  const { weights: rowsWeigh } = rowWeights(target, sampleWeights, settings.class_weight)
  const data = marginRows(input.matrix, { rowsWeigh, settings })
  const machines = fitMachines(data, { input, target, settings, outputs, folds: foldsOf(target, seed) })
  const { slope, offset } = fitCalibration('sigmoid', {
    scores: machines.scores,
    classes: outputs,
    labels: Int32Array.from(machines.judged, (row) => target.labels[row]!),
    // Weighted classes are probable by their weight, as other algorithms have it.
    ...(rowsWeigh && { weights: Float64Array.from(machines.judged, (row) => rowsWeigh[row]!) }),
  })
  const { weights, bias, passes, converged } = machines
  return linearModel(
    {
      weights: weights.map((weight) => slope * weight),
      bias: bias.map((one) => slope * one + offset),
      iterations: passes,
      converged,
      warnings: converged ? [] : [notConverged(settings.max_iterations)],
      penalty: { l2: 1 / settings.cost, l1: 0 },
    },
    target,
  )
}

const notConverged = (passes: number) =>
  `The search stopped after ${passes} passes over the rows, before it converged: raise max_iterations or tolerance, or scale the features`

function checkSize(cols: number, outputs: number): void {
  if (cols * outputs <= MAX_PARAMETERS) return
  const problem = `${cols} features × ${outputs} classes are more than ${MAX_PARAMETERS} weights`
  throw unlearnable(problem, 'merge rare classes, or encode fewer terms and categories', { about: 'target' })
}

function foldsOf({ labels }: ClassTarget, seed: number): InnerFold[] {
  const rows = labels.length
  if (rows < 2) return []
  if (rows <= FEW_ROWS) return innerFolds(rows, { labels, seed })
  return innerFolds(rows, { labels, seed, folds: Math.max(5, Math.ceil(rows / MOST_JUDGED)) }).slice(0, 1)
}

interface Asked {
  /** One for each row; undefined where all count the same. */
  readonly rowsWeigh: Float64Array | undefined
  readonly settings: LinearSvmSettings
}

function marginRows(given: Matrix, { rowsWeigh, settings }: Asked): MarginRows {
  const matrix = given.form === 'csr' ? given : sparsify(given, 1)!
  const squares = new Float64Array(matrix.rows)
  for (let row = 0; row < matrix.rows; row++) {
    for (let at = matrix.offsets[row]!; at < matrix.offsets[row + 1]!; at++) squares[row]! += matrix.values[at]! ** 2
  }
  // As long as the average row, so that the constant is held back as little as the features together, in whatever unit they are.
  const mean = squares.reduce((sum, square) => sum + square, 0) / matrix.rows
  const constant = settings.fit_intercept ? Math.sqrt(mean) || 1 : 0
  return {
    matrix,
    constant,
    rows: Uint32Array.from({ length: matrix.rows }, (_, row) => row),
    squares: squares.map((square) => square + constant * constant),
    softness: Float64Array.from(
      { length: matrix.rows },
      (_, row) => 1 / (2 * settings.cost * (rowsWeigh ? rowsWeigh[row]! : 1)),
    ),
  }
}

interface Fitting {
  readonly input: FitInput
  readonly target: ClassTarget
  readonly settings: LinearSvmSettings
  readonly outputs: number
  readonly folds: readonly InnerFold[]
}

/** The machines of all classes over all rows, and the scores of the judged rows by machines that did not learn from them. */
function fitMachines(data: MarginRows, { input, target, settings, outputs, folds }: Fitting) {
  const { matrix, constant } = data
  const { hooks = {}, seed = 0 } = input
  const judged = folds.flatMap(({ judge }) => [...judge])
  const scores = new Float64Array(judged.length * outputs)
  const weights = new Float64Array(matrix.cols * outputs)
  const bias = new Float64Array(outputs)
  const { max_iterations: maxPasses, tolerance } = settings
  const random = seededRandom(seed)
  const size = 1 / outputs / (folds.length + 1)
  const ends: Descended[] = []
  for (let output = 0; output < outputs; output++) {
    const ours = outputs === 1 ? 1 : output
    const isOurs = (row: number) => target.labels[row] === ours
    const part = (i: number) => within(hooks, { from: output / outputs + i * size, size })
    let place = output
    let start = atZero(matrix)
    for (const [i, { learn, judge }] of folds.entries()) {
      start = atZero(matrix)
      descend({ ...data, rows: learn }, isOurs, start, { maxPasses, tolerance, random, hooks: part(i) })
      for (const row of judge) {
        scores[place] = scoreOf(matrix, row, { weights: start.weights, constant })
        place += outputs
      }
    }
    // The last of the folds knew nearly all of the rows.
    ends.push(descend(data, isOurs, start, { maxPasses, tolerance, random, hooks: part(folds.length) }))
    for (let j = 0; j < matrix.cols; j++) weights[j * outputs + output] = start.weights[j]!
    bias[output] = start.weights[matrix.cols]! * constant
  }
  hooks.onProgress?.({ iteration: outputs, loss: 0, done: 1 })
  return {
    weights,
    bias,
    judged,
    scores,
    passes: Math.max(...ends.map(({ passes }) => passes)),
    converged: ends.every(({ converged }) => converged),
  }
}

function atZero({ rows, cols }: SparseMatrix) {
  return { alphas: new Float64Array(rows), weights: new Float64Array(cols + 1) }
}

interface Machine {
  readonly weights: Float64Array
  readonly constant: number
}

function scoreOf(
  { offsets, indices, values, cols }: SparseMatrix,
  row: number,
  { weights, constant }: Machine,
): number {
  let score = constant * weights[cols]!
  for (let at = offsets[row]!; at < offsets[row + 1]!; at++) score += values[at]! * weights[indices[at]!]!
  return score
}
