// Predictions about held-out rows, as figures.
import { fail, type MlError } from '../../../core/failure.ts'
import { evaluateClassification, evaluateRegression, findMetric } from '../../../ml/metrics/index.ts'
import type { Predictions } from './predictions.ts'
import type { GateMetric, TrainingSpec } from './spec.ts'
import type { Target } from './target.ts'

export interface Measured {
  /** Finite figures only. */
  readonly metrics: Readonly<Record<string, number>>
}

export function measure(target: Target, predictions: Predictions): Measured {
  if (target.task === 'classification' && predictions.task === 'classification') {
    const { labels, classes } = target
    const { probabilities, labels: predicted } = predictions
    return { metrics: evaluateClassification({ labels, classes, probabilities, predicted }).metrics }
  }
  if (target.task === 'regression' && predictions.task === 'regression') {
    return { metrics: evaluateRegression({ actual: target.values, predicted: predictions.values }).metrics }
  }
  throw fail('internal', 'WRONG_TASK', `A ${predictions.task} cannot be measured as a ${target.task}`)
}

/** Throws TRAINING_DATA_INVALID when the metric of the gate is not defined on these rows. */
export function gateMetric(spec: TrainingSpec, { metrics }: Measured): GateMetric {
  const name = gateMetricName(spec)
  const metric = findMetric(name)
  if (metric?.task !== spec.modelType) {
    throw fail('invalid', 'METRIC_UNKNOWN', `"${name}" is not a metric of ${spec.modelType}`)
  }
  const value = metrics[name]
  if (value === undefined) throw undefinedMetric(name, spec)
  return { name, value, greaterIsBetter: metric.greaterIsBetter }
}

function gateMetricName({ evaluation, modelType }: TrainingSpec): string {
  return evaluation.metric ?? (modelType === 'classification' ? 'f1' : 'rmse')
}

function undefinedMetric(name: string, { target }: TrainingSpec): MlError {
  const remedy = 'hold out more rows (evaluation.test_fraction), or choose another metric'
  const message = `Column "${target}" varies too little in the held-out rows for the metric "${name}": ${remedy}`
  return fail('invalid', 'TRAINING_DATA_INVALID', message, { details: { column: target, metric: name, remedy } })
}

/** `cv_<name>_mean` and `cv_<name>_std` (of the sample, n − 1) of every figure that all folds have. */
export function foldMetrics(folds: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const summary: Record<string, number> = {}
  for (const name of Object.keys(folds[0] ?? {})) {
    const values = folds.map((fold) => fold[name])
    if (!values.every((value) => value !== undefined)) continue
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
    summary[`cv_${name}_mean`] = mean
    summary[`cv_${name}_std`] = Math.sqrt(squares / Math.max(1, values.length - 1))
  }
  return summary
}
