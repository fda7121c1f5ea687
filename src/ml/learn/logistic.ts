// Logistic regression: two classes share one weight vector, more classes get a softmax. The same model, objective and
// stopping rule as scikit-learn's LogisticRegression(solver='lbfgs'), so figures can be compared.
import { type Static, Type } from 'typebox'
import { fail } from '../../core/failure.ts'
import { Labels } from './answers.ts'
import { type Calibration, type CalibrationMethod, fitCalibration } from './calibration/calibrate.ts'
import { checkData, unlearnable } from './check-data.ts'
import { sparsify } from './fold.ts'
import { innerFolds } from './inner-folds.ts'
import type { FitInput, LearningHooks } from './learner.ts'
import { type LinearModel, linearModel, scoreRows } from './linear-model.ts'
import { type LogisticData, type LogisticFit, logisticSolver, partOf } from './logistic-solver.ts'
import { type Chosen, chooseStrength, Path, within } from './path.ts'
import { patientIterations } from './patience.ts'
import { rowWeights } from './row-weights.ts'
import { selectMatrixRows } from './sample.ts'
import { fillSettings, Intercept, L1, L2, MaxIterations, stoppedEarly, Tolerance } from './settings.ts'

export const LogisticSettings = Type.Object(
  {
    l2: L2,
    l1: L1,
    path: Path,
    max_iterations: MaxIterations,
    tolerance: Tolerance(1e-4),
    class_weight: Type.Unsafe<'balanced' | 'none'>({
      type: 'string',
      enum: ['balanced', 'none'],
      default: 'none',
      description: '"balanced" gives every class the same total weight, however rare it is.',
    }),
    // As other libraries answer, whose figures this one is compared with.
    labels: Labels('probable'),
    calibration: Type.Unsafe<CalibrationMethod>({
      type: 'string',
      enum: ['none', 'sigmoid', 'isotonic'],
      default: 'none',
      description:
        'Corrects the probabilities by five folds of the training rows, so that they come true as often as they say: "sigmoid" (Platt for two classes, a temperature for more) or "isotonic" (any rising map; wants some thousand rows). Undoes the shift of class_weight.',
    }),
    fit_intercept: Intercept,
  },
  { additionalProperties: false },
)
type LogisticSettings = Static<typeof LogisticSettings>

/** Weights and everything L-BFGS keeps of them must fit in memory. */
const MAX_PARAMETERS = 32_000_000

/**
 * Minimises Σ wᵢ·lossᵢ + l2/2·‖β‖² + l1·‖β‖₁, intercepts unpenalised; lossᵢ is the negative log-likelihood of row i.
 * In scikit-learn's terms l2 = 1/C; with an elastic net of mix ρ, l2 = (1 − ρ)/C and l1 = ρ/C. `tolerance` bounds the
 * largest entry of the gradient of the objective divided by Σ wᵢ. With `path` both penalties are multiplied by the factor
 * of the lowest cross-validated loss.
 */
export function fitLogistic(input: FitInput): LinearModel {
  checkData(input)
  const { target, sampleWeights, hyperparameters = {}, seed = 0, hooks = {} } = input
  if (target.task !== 'classification') throw fail('internal', 'WRONG_TASK', 'Logistic regression predicts classes')
  const settings = fillSettings(LogisticSettings, hyperparameters)
  const outputs = target.classes.length > 2 ? target.classes.length : 1
  checkSize(input.matrix.cols, outputs)
  const { path, calibration, max_iterations: asked } = settings
  const isPlain = path === 1 && calibration === 'none'
  const folds = isPlain ? 0 : 5
  const patience = patientIterations(input.matrix, { outputs, fits: folds * path + 1, asked })
  const data: LogisticData = {
    matrix: input.matrix.form === 'dense' ? (sparsify(input.matrix) ?? input.matrix) : input.matrix,
    target,
    weighting: rowWeights(target, sampleWeights, settings.class_weight),
    l2: settings.l2,
    l1: settings.l1,
    intercept: settings.fit_intercept,
  }
  const options = { outputs, seed, maxIterations: patience, tolerance: settings.tolerance }
  if (isPlain) return finish(logisticSolver(data, options)(1, hooks), { settings, target, patience })
  const inner = crossFit(data, { settings, options, hooks: within(hooks, { from: 0, size: 0.8 }), sampleWeights })
  const fit = logisticSolver(data, options)(inner.factor, within(hooks, { from: 0.8, size: 0.2 }))
  return finish(fit, { settings, target, patience, ...inner })
}

function checkSize(cols: number, outputs: number): void {
  if (cols * outputs <= MAX_PARAMETERS) return
  const problem = `${cols} features × ${outputs} classes are more than ${MAX_PARAMETERS} weights`
  throw unlearnable(problem, 'merge rare classes, or encode fewer terms and categories', { about: 'target' })
}

interface Inner {
  readonly settings: LogisticSettings
  readonly options: Parameters<typeof logisticSolver>[1]
  readonly hooks: LearningHooks
  readonly sampleWeights: Float64Array | undefined
}

/** The strength and the calibration that five folds of the rows speak for. */
function crossFit(data: LogisticData, { settings, options, hooks, sampleWeights }: Inner) {
  const { labels } = data.target
  const { outputs, seed } = options
  const folds = innerFolds(labels.length, { labels, seed })
  const chosen = chooseStrength<LogisticFit>({
    path: settings.path,
    folds,
    solver: (rows) => logisticSolver(partOf(data, rows), options),
    judge: (fit, rows) => {
      const scores = scoreRows(selectMatrixRows(data.matrix, rows), fit)
      return { scores, loss: logLoss(scores, rows, { data, outputs }) }
    },
    hooks,
  })
  const calibration = fitCalibration(settings.calibration, {
    ...gather(chosen, folds, { rows: labels.length, outputs }),
    labels,
    weights: sampleWeights,
  })
  return { factor: chosen.factor, warnings: chosen.warnings, calibration }
}

/** The scores of all folds where their rows are. */
function gather(
  { scores }: Chosen,
  folds: ReturnType<typeof innerFolds>,
  { rows, outputs }: { rows: number; outputs: number },
) {
  const all = new Float64Array(rows * outputs)
  folds.forEach(({ judge }, k) => {
    judge.forEach((row, i) => {
      all.set(scores[k]!.subarray(i * outputs, (i + 1) * outputs), row * outputs)
    })
  })
  return { scores: all, classes: outputs }
}

function logLoss(
  scores: Float64Array,
  rows: Uint32Array,
  { data, outputs }: { data: LogisticData; outputs: number },
): number {
  const { target, weighting } = data
  let loss = 0
  rows.forEach((row, i) => {
    const label = target.labels[row]!
    const own = scores.subarray(i * outputs, (i + 1) * outputs)
    const miss = outputs === 1 ? softplus(label === 1 ? -own[0]! : own[0]!) : logSumOf(own) - own[label]!
    loss += (weighting.weights ? weighting.weights[row]! : 1) * miss
  })
  return loss
}

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))

function logSumOf(values: Float64Array): number {
  const top = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0))
}

interface Finish {
  readonly settings: LogisticSettings
  readonly target: LogisticData['target']
  /** Iterations that were allowed. */
  readonly patience: number
  readonly factor?: number
  readonly warnings?: readonly string[]
  readonly calibration?: Calibration
}

function finish(fit: LogisticFit, options: Finish): LinearModel {
  const { settings, target, patience, factor = 1, warnings = [], calibration } = options
  const { slope, offset } = calibration ?? { slope: 1, offset: 0 }
  const own = fit.converged ? [] : [stoppedEarly(patience)]
  const scaled = {
    ...fit,
    weights: slope === 1 ? fit.weights : fit.weights.map((weight) => slope * weight),
    bias: slope === 1 && offset === 0 ? fit.bias : fit.bias.map((bias) => slope * bias + offset),
    warnings: [...warnings, ...own],
    penalty: { l2: settings.l2 * factor, l1: settings.l1 * factor },
  }
  const model = linearModel(scaled, target, calibration?.ladders)
  return settings.path === 1 ? model : { ...model, settled: { ...scaled.penalty, path: 1 } }
}
