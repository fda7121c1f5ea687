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
import { innerFolds } from './inner-folds.ts'
import { type FitInput, type LearningHooks, throwIfStopped } from './learner.ts'
import { type LinearFit, type LinearModel, linearModel, scoreRows } from './linear-model.ts'
import { minimise } from './minimise.ts'
import { type Centre, centreOf, normalEquations, type WeightedRows } from './normal-equations.ts'
import { chooseStrength, type Judged, Path, type Solve, within } from './path.ts'
import { totalled } from './row-weights.ts'
import { selectMatrixRows } from './sample.ts'
import { fillSettings, Intercept, L1, L2, MaxIterations, stoppedEarly, Tolerance } from './settings.ts'
import { squaresLoss } from './squares-loss.ts'

export const LinearSettings = Type.Object(
  { l2: L2, l1: L1, path: Path, max_iterations: MaxIterations, tolerance: Tolerance(1e-6), fit_intercept: Intercept },
  { additionalProperties: false },
)
type LinearSettings = Static<typeof LinearSettings>

/**
 * Minimises Σ wᵢ·(yᵢ − xᵢβ − β₀)²/2 + l2/2·‖β‖² + l1·‖β‖₁, the intercept unpenalised. In scikit-learn's terms l2 is the
 * alpha of Ridge, and l1 = rows × the alpha of Lasso. `tolerance` concerns the iterative methods only: the residual
 * relative to the first, or with l1 the largest entry of the gradient for a target of unit variance. With `path` both
 * penalties are multiplied by the factor of the lowest cross-validated squared error.
 */
export function fitLinear(input: FitInput): LinearModel {
  checkData(input)
  const { matrix: given, target, sampleWeights, hyperparameters = {}, seed = 0, hooks = {} } = input
  if (target.task !== 'regression') throw fail('internal', 'WRONG_TASK', 'Linear regression predicts numbers')
  const settings = fillSettings(LinearSettings, hyperparameters)
  throwIfStopped(hooks)
  const { weights, total } = totalled(given.rows, sampleWeights)
  const matrix = given.form === 'dense' ? (sparsify(given) ?? given) : given
  const data: WeightedRows = { matrix, values: target.values, weights, total }
  const solver = (rows: WeightedRows, strength = 1) => linearSolver(rows, settings, strength)
  const penalty = (factor: number) => ({ l2: settings.l2 * factor, l1: settings.l1 * factor })
  if (settings.path === 1) return linearModel({ ...solver(data)(1, hooks), penalty: penalty(1) }, target)
  const chosen = chooseStrength<Solved>({
    path: settings.path,
    folds: innerFolds(matrix.rows, { seed }),
    solver: (rows) => {
      const part = someRows(data, rows)
      return solver(part, part.total / total)
    },
    judge: (fit, rows) => squaredError(fit, someRows(data, rows)),
    hooks: within(hooks, { from: 0, size: 0.8 }),
  })
  const fit = solver(data)(chosen.factor, within(hooks, { from: 0.8, size: 0.2 }))
  const warnings = [...chosen.warnings, ...fit.warnings]
  const chosenPenalty = penalty(chosen.factor)
  const model = linearModel({ ...fit, warnings, penalty: chosenPenalty }, target)
  return { ...model, settled: { ...chosenPenalty, path: 1 } }
}

type Solved = Omit<LinearFit, 'penalty'>

/** Fits with the penalties times the factor times `strength`, which keeps them as strong per row over some of the rows. */
function linearSolver(data: WeightedRows, settings: LinearSettings, strength: number): Solve<Solved> {
  const centre = centreOf(data, settings.fit_intercept)
  const direct = settings.l1 === 0 && isNarrow(data.matrix) ? directSolver(data, centre) : undefined
  let before: Float64Array | undefined
  return (factor, hooks) => {
    const [l2, l1] = [settings.l2 * factor * strength, settings.l1 * factor * strength]
    const iterative = { settings: { ...settings, l2, l1 }, hooks, before }
    if (l1 > 0) {
      const { at, ...fit } = fitSparse(data, centre, iterative)
      before = at
      return fit
    }
    const closed = direct?.(l2)
    if (closed) return closed
    const fit = solveIteratively(data, centre, iterative)
    before = fit.weights
    return fit
  }
}

function someRows(data: WeightedRows, rows: Uint32Array): WeightedRows {
  const weights = data.weights && Float64Array.from(rows, (row) => data.weights![row]!)
  return {
    matrix: selectMatrixRows(data.matrix, rows),
    values: Float64Array.from(rows, (row) => data.values[row]!),
    ...totalled(rows.length, weights),
  }
}

function squaredError(fit: Solved, { matrix, values, weights }: WeightedRows): Judged {
  const scores = scoreRows(matrix, fit)
  const loss = scores.reduce((sum, score, i) => sum + (weights ? weights[i]! : 1) * (score - values[i]!) ** 2, 0)
  return { scores, loss }
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

/** The products of the columns are summed once for all strengths. Undefined where they are singular, which only happens without an L2 penalty. */
function directSolver(data: WeightedRows, centre: Centre): (l2: number) => Solved | undefined {
  const { cols } = data.matrix
  const { gram, moment } = normalEquations(data, centre)
  return (l2) => {
    const own = Float64Array.from(gram)
    const weights = Float64Array.from(moment)
    for (let j = 0; j < cols; j++) own[j * cols + j]! += l2
    if (!solveCholesky(own, weights)) return undefined
    return { ...withBias(weights, centre), iterations: 1, converged: true, warnings: [] }
  }
}

interface Iterative {
  readonly settings: LinearSettings
  readonly hooks: LearningHooks
  /** The answer to a neighbouring strength: weights, or for `fitSparse` its parameters. */
  readonly before: Float64Array | undefined
}

function solveIteratively(data: WeightedRows, centre: Centre, { settings, hooks, before }: Iterative): Solved {
  const { l2, max_iterations: maxIterations, tolerance } = settings
  const { weights, iterations, converged } = solveByConjugateGradients(data, centre, {
    l2,
    maxIterations,
    tolerance,
    hooks,
    start: before,
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
function fitSparse(data: WeightedRows, centre: Centre, { settings, hooks, before }: Iterative) {
  const { matrix, values, weights, total } = data
  const scale = spread(data, centre) || 1
  const { l2, l1, tolerance, max_iterations: maxIterations, fit_intercept: intercept } = settings
  const targets = values.map((value) => (value - centre.targetMean) / scale)
  const objective = squaresLoss({ matrix, weights, totalWeight: total, l2, intercept }, targets)
  const penalty = { strength: l1 / (scale * total), count: matrix.cols }
  const { at, iterations, converged } = minimise(objective, before ?? new Float64Array(objective.size), {
    maxIterations,
    tolerance,
    l1: penalty,
    hooks,
  })
  return {
    at,
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
