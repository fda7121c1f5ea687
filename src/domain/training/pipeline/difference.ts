// The figure of the live version beside that of the new one, and how sure the difference is: both models are asked about the
// same held-out rows, so the bootstrap draws the same rows for both.
import { pairedDifference } from '../../../ml/metrics/index.ts'
import { measure } from './measure.ts'
import type { Predictions } from './predictions.ts'
import { weigh } from './report.ts'
import type { ComparedFigure, GateMetric, TrainingSpec } from './spec.ts'
import type { Target } from './target.ts'

export interface Comparison {
  readonly spec: TrainingSpec
  readonly target: Target
  readonly gate: GateMetric
  /** Of the new version. */
  readonly predictions: Predictions
  /** Of the live version. */
  readonly theirs: Predictions
}

export function compareFigures({ spec, target, gate, predictions, theirs }: Comparison): ComparedFigure {
  const value = measure(target, theirs).metrics[gate.name] ?? Number.NaN
  if (spec.significance === undefined || !Number.isFinite(value)) return { value }
  const { name: metric } = gate
  const areas = metric === 'roc_auc' || metric === 'pr_auc' ? ([metric] as const) : []
  const [own, their] = [predictions, theirs].map((some) => weigh(target, some, areas))
  const [first, second] = gate.greaterIsBetter ? [own!, their!] : [their!, own!]
  const difference = pairedDifference(
    { first: first.weighed, second: second.weighed, metric },
    { rows: first.rows, seed: spec.evaluation.seed, level: spec.significance, passes: 2 * first.passes },
  )
  return { value, ...(difference && { difference }) }
}
