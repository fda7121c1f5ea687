// Logistic regression: two classes share one weight vector, more classes get a softmax. The same model, objective and
// stopping rule as scikit-learn's LogisticRegression(solver='lbfgs'), so figures can be compared.
import { type Static, Type } from 'typebox'
import { fail } from '../../core/failure.ts'
import type { Matrix } from '../matrix.ts'
import { checkData, unlearnable } from './check-data.ts'
import { foldColumns, sparsify } from './fold.ts'
import type { ClassTarget, FitInput, LearningHooks } from './learner.ts'
import { type LinearModel, linearModel } from './linear-model.ts'
import { type LossInput, logisticLoss } from './logistic-loss.ts'
import { curvatureOf, type Minimum, minimise, type Objective } from './minimise.ts'
import { classTotals, type RowWeights, rowWeights } from './row-weights.ts'
import { selectMatrixRows, startingRows } from './sample.ts'
import { fillSettings, Intercept, L1, L2, MaxIterations, stoppedEarly, Tolerance } from './settings.ts'
import { softmaxLoss } from './softmax-loss.ts'

export const LogisticSettings = Type.Object(
  {
    l2: L2,
    l1: L1,
    max_iterations: MaxIterations,
    tolerance: Tolerance(1e-4),
    class_weight: Type.Unsafe<'balanced' | 'none'>({
      type: 'string',
      enum: ['balanced', 'none'],
      default: 'none',
      description: '"balanced" gives every class the same total weight, however rare it is.',
    }),
    fit_intercept: Intercept,
  },
  { additionalProperties: false },
)

/** Weights and everything L-BFGS keeps of them must fit in memory. */
const MAX_PARAMETERS = 32_000_000

/**
 * Minimises Σ wᵢ·lossᵢ + l2/2·‖β‖² + l1·‖β‖₁, intercepts unpenalised; lossᵢ is the negative log-likelihood of row i.
 * In scikit-learn's terms l2 = 1/C; with an elastic net of mix ρ, l2 = (1 − ρ)/C and l1 = ρ/C. `tolerance` bounds the
 * largest entry of the gradient of the objective divided by Σ wᵢ.
 */
export function fitLogistic(input: FitInput): LinearModel {
  checkData(input)
  const { target, sampleWeights, hyperparameters = {}, seed = 0, hooks = {} } = input
  if (target.task !== 'classification') throw fail('internal', 'WRONG_TASK', 'Logistic regression predicts classes')
  const settings = fillSettings(LogisticSettings, hyperparameters)
  const outputs = target.classes.length > 2 ? target.classes.length : 1
  checkSize(input.matrix.cols, outputs)
  const weighting = rowWeights(target, sampleWeights, settings.class_weight)
  const source = input.matrix.form === 'dense' ? (sparsify(input.matrix) ?? input.matrix) : input.matrix
  const folded = source.form === 'csr' && settings.l1 === 0 ? foldColumns(source) : undefined
  const matrix = folded?.matrix ?? source
  const penalised = matrix.cols * outputs
  const minimum = search({ matrix, target, weighting, settings }, { outputs, seed, hooks })
  const fitted = minimum.at.subarray(0, penalised)
  const weights = folded ? folded.unfold(fitted, outputs) : fitted
  const bias = settings.fit_intercept ? minimum.at.subarray(penalised) : new Float64Array(outputs)
  return linearModel({ weights, bias, ...summary(minimum, settings) }, target)
}

interface Data {
  readonly matrix: Matrix
  readonly target: ClassTarget
  readonly weighting: RowWeights
  readonly settings: Static<typeof LogisticSettings>
}

interface SearchOptions {
  readonly outputs: number
  readonly seed: number
  readonly hooks: LearningHooks
}

/** Where there are many rows, a search over a part of them gives the starting point and a first idea of the curvature. */
function search(data: Data, { outputs, seed, hooks }: SearchOptions): Minimum {
  const { matrix, target, weighting, settings } = data
  const objective = objectiveOf(data, outputs)
  const curvature = curvatureOf(objective)
  const penalised = matrix.cols * outputs
  const options = {
    maxIterations: settings.max_iterations,
    tolerance: settings.tolerance,
    l1: { strength: settings.l1 / weighting.total, count: penalised },
    curvature,
  }
  let start: Float64Array = new Float64Array(objective.size)
  if (settings.fit_intercept) start.set(priors(target, weighting), penalised)
  const rows = startingRows(matrix, seed)
  const some = rows && part(data, rows)
  if (some && some.weighting.total > 0) {
    const silent = { ...hooks, onProgress: () => undefined }
    start = minimise(objectiveOf(some, outputs), start, { ...options, hooks: silent }).at
  }
  return minimise(objective, start, { ...options, hooks })
}

/** Some of the rows, with the penalties at the strength they have for all: per row the objective is the same. */
function part({ matrix, target, weighting, settings }: Data, rows: Uint32Array): Data {
  const weights = weighting.weights && Float64Array.from(rows, (row) => weighting.weights![row]!)
  const total = weights ? weights.reduce((sum, weight) => sum + weight, 0) : rows.length
  return {
    matrix: selectMatrixRows(matrix, rows),
    target: { ...target, labels: Int32Array.from(rows, (row) => target.labels[row]!) },
    weighting: { weights, total },
    settings: { ...settings, l2: (settings.l2 * total) / weighting.total },
  }
}

function objectiveOf({ matrix, target, weighting, settings }: Data, outputs: number): Objective {
  const loss: LossInput = {
    matrix,
    weights: weighting.weights,
    totalWeight: weighting.total,
    l2: settings.l2,
    intercept: settings.fit_intercept,
  }
  return outputs === 1 ? logisticLoss(loss, target.labels) : softmaxLoss(loss, target.labels, outputs)
}

function checkSize(cols: number, outputs: number): void {
  if (cols * outputs <= MAX_PARAMETERS) return
  const problem = `${cols} features × ${outputs} classes are more than ${MAX_PARAMETERS} weights`
  throw unlearnable(problem, 'merge rare classes, or encode fewer terms and categories')
}

/** The intercepts of a model that knows only how frequent the classes are. */
function priors({ labels, classes }: ClassTarget, { weights }: RowWeights): Float64Array {
  const logs = classTotals(labels, classes.length, weights).map((total) => Math.log(Math.max(total, 1e-3)))
  if (classes.length === 2) return Float64Array.of(logs[1]! - logs[0]!)
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length
  return logs.map((log) => log - mean)
}

function summary({ iterations, converged }: Minimum, settings: Static<typeof LogisticSettings>) {
  return { iterations, converged, warnings: converged ? [] : [stoppedEarly(settings.max_iterations)] }
}
