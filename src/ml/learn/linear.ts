// Linear regression: ridge in closed form where the normal equations are cheap, by conjugate gradients where the table is
// wide, and OWL-QN where an L1 penalty asks for zeros.
import { type Static, Type } from 'typebox'
import { fail } from '../../core/failure.ts'
import type { Matrix } from '../matrix.ts'
import { checkData } from './check-data.ts'
import { solveCholesky } from './cholesky.ts'
import { solveByConjugateGradients } from './conjugate-gradients.ts'
import { dot } from './curvature.ts'
import { sparsify } from './fold.ts'
import { type FitInput, type LearningHooks, throwIfStopped } from './learner.ts'
import { type LinearFit, type LinearModel, linearModel } from './linear-model.ts'
import { minimise } from './minimise.ts'
import { type Centre, centreOf, normalEquations, type WeightedRows } from './normal-equations.ts'
import { totalled } from './row-weights.ts'
import { fillSettings, Intercept, L1, L2, MaxIterations, stoppedEarly, Tolerance } from './settings.ts'
import { squaresLoss } from './squares-loss.ts'

export const LinearSettings = Type.Object(
  { l2: L2, l1: L1, max_iterations: MaxIterations, tolerance: Tolerance(1e-6), fit_intercept: Intercept },
  { additionalProperties: false },
)
type LinearSettings = Static<typeof LinearSettings>

/**
 * Minimises Σ wᵢ·(yᵢ − xᵢβ − β₀)²/2 + l2/2·‖β‖² + l1·‖β‖₁, the intercept unpenalised. In scikit-learn's terms l2 is the
 * alpha of Ridge, and l1 = rows × the alpha of Lasso. `tolerance` concerns the iterative methods only: the residual
 * relative to the first, or with l1 the largest entry of the gradient for a target of unit variance.
 */
export function fitLinear(input: FitInput): LinearModel {
  checkData(input)
  const { matrix: given, target, sampleWeights, hyperparameters = {}, hooks = {} } = input
  if (target.task !== 'regression') throw fail('internal', 'WRONG_TASK', 'Linear regression predicts numbers')
  const settings = fillSettings(LinearSettings, hyperparameters)
  throwIfStopped(hooks)
  const { weights, total } = totalled(given.rows, sampleWeights)
  const matrix = given.form === 'dense' ? (sparsify(given) ?? given) : given
  const data = { matrix, values: target.values, weights, total }
  const centre = centreOf(data, settings.fit_intercept)
  const fit =
    settings.l1 > 0
      ? fitSparse(data, centre, { settings, hooks })
      : ((isNarrow(matrix) ? solveDirectly(data, centre, settings) : undefined) ??
        solveIteratively(data, centre, { settings, hooks }))
  return linearModel(fit, target)
}

/** Multiplications up to which the closed form is taken without looking at the alternative: a fraction of a second. */
const CHEAP = 1e8
/** A 4000 × 4000 Gram matrix takes 128 MB. */
const MAX_GRAM_COLUMNS = 4000
/** Passes that conjugate gradients are expected to need. */
const EXPECTED_PASSES = 100

function isNarrow(matrix: Matrix): boolean {
  const { rows, cols } = matrix
  if (cols > MAX_GRAM_COLUMNS) return false
  let direct = cols ** 3 / 6
  if (matrix.form === 'dense') direct += (rows * cols ** 2) / 2
  else for (let row = 0; row < rows; row++) direct += (matrix.offsets[row + 1]! - matrix.offsets[row]!) ** 2
  return direct <= Math.max(CHEAP, 2 * EXPECTED_PASSES * matrix.values.length)
}

/** Undefined where the normal equations are singular, which only happens without an L2 penalty. */
function solveDirectly(data: WeightedRows, centre: Centre, settings: LinearSettings): LinearFit | undefined {
  const { cols } = data.matrix
  const { gram, moment } = normalEquations(data, centre)
  for (let j = 0; j < cols; j++) gram[j * cols + j]! += settings.l2
  if (!solveCholesky(gram, moment)) return undefined
  return { ...withBias(moment, centre), iterations: 1, converged: true, warnings: [] }
}

interface Iterative {
  readonly settings: LinearSettings
  readonly hooks: LearningHooks
}

function solveIteratively(data: WeightedRows, centre: Centre, { settings, hooks }: Iterative): LinearFit {
  const { l2, max_iterations: maxIterations, tolerance } = settings
  const { weights, iterations, converged } = solveByConjugateGradients(data, centre, {
    l2,
    maxIterations,
    tolerance,
    hooks,
  })
  return {
    ...withBias(weights, centre),
    iterations,
    converged,
    warnings: converged ? [] : [stoppedEarly(maxIterations)],
  }
}

function withBias(weights: Float64Array, { means, targetMean }: Centre): Pick<LinearFit, 'weights' | 'bias'> {
  return { weights, bias: Float64Array.of(targetMean - dot(means, weights)) }
}

/** The target is brought to mean 0 and variance 1, so that the tolerance means the same for every unit. */
function fitSparse(data: WeightedRows, centre: Centre, { settings, hooks }: Iterative): LinearFit {
  const { matrix, values, weights, total } = data
  const scale = spread(data, centre) || 1
  const { l2, l1, tolerance, max_iterations: maxIterations, fit_intercept: intercept } = settings
  const targets = values.map((value) => (value - centre.targetMean) / scale)
  const objective = squaresLoss({ matrix, weights, totalWeight: total, l2, intercept }, targets)
  const penalty = { strength: l1 / (scale * total), count: matrix.cols }
  const { at, iterations, converged } = minimise(objective, new Float64Array(objective.size), {
    maxIterations,
    tolerance,
    l1: penalty,
    hooks,
  })
  return {
    weights: at.subarray(0, matrix.cols).map((weight) => weight * scale),
    bias: Float64Array.of(centre.targetMean + (intercept ? at[matrix.cols]! * scale : 0)),
    iterations,
    converged,
    warnings: converged ? [] : [stoppedEarly(maxIterations)],
  }
}

function spread({ values, weights, total }: WeightedRows, { targetMean }: Centre): number {
  let sum = 0
  for (let row = 0; row < values.length; row++) {
    sum += (weights ? weights[row]! : 1) * (values[row]! - targetMean) ** 2
  }
  return Math.sqrt(sum / total)
}
