// Logistic regression: two classes share one weight vector, more classes get a softmax. The same model, objective and
// stopping rule as scikit-learn's LogisticRegression(solver='lbfgs'), so figures can be compared.
import { type Static, Type } from 'typebox'
import { fail } from '../../core/failure.ts'
import { checkData, unlearnable } from './check-data.ts'
import { foldColumns, sparsify } from './fold.ts'
import type { ClassTarget, FitInput } from './learner.ts'
import { type LinearModel, linearModel } from './linear-model.ts'
import { type LossInput, logisticLoss } from './logistic-loss.ts'
import { type Minimum, minimise } from './minimise.ts'
import { classTotals, type RowWeights, rowWeights } from './row-weights.ts'
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
  const { target, sampleWeights, hyperparameters = {}, hooks = {} } = input
  if (target.task !== 'classification') throw fail('internal', 'WRONG_TASK', 'Logistic regression predicts classes')
  const settings = fillSettings(LogisticSettings, hyperparameters)
  const outputs = target.classes.length > 2 ? target.classes.length : 1
  checkSize(input.matrix.cols, outputs)
  const weighting = rowWeights(target, sampleWeights, settings.class_weight)
  const source = input.matrix.form === 'dense' ? (sparsify(input.matrix) ?? input.matrix) : input.matrix
  const folded = source.form === 'csr' && settings.l1 === 0 ? foldColumns(source) : undefined
  const matrix = folded?.matrix ?? source
  const loss: LossInput = {
    matrix,
    weights: weighting.weights,
    totalWeight: weighting.total,
    l2: settings.l2,
    intercept: settings.fit_intercept,
  }
  const objective = outputs === 1 ? logisticLoss(loss, target.labels) : softmaxLoss(loss, target.labels, outputs)
  const penalised = matrix.cols * outputs
  const start = new Float64Array(objective.size)
  if (settings.fit_intercept) start.set(priors(target, weighting), penalised)
  const minimum = minimise(objective, start, {
    maxIterations: settings.max_iterations,
    tolerance: settings.tolerance,
    l1: { strength: settings.l1 / weighting.total, count: penalised },
    hooks,
  })
  const fitted = minimum.at.subarray(0, penalised)
  const weights = folded ? folded.unfold(fitted, outputs) : fitted
  const bias = settings.fit_intercept ? minimum.at.subarray(penalised) : new Float64Array(outputs)
  return linearModel({ weights, bias, ...summary(minimum, settings) }, target)
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
