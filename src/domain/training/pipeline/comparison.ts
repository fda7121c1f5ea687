// What choosing and tuning have in common: the rows, the figure that is compared, and how a result is told.
import type { ContractColumn } from '../../../contract/datasets.ts'
import type { Trial } from '../../../contract/evaluation.ts'
import type { Clock } from '../../../core/clock.ts'
import { findMetric } from '../../../ml/metrics/index.ts'
import type { Fits } from './fits.ts'
import type { Judged } from './judge.ts'
import type { Learners } from './learners.ts'
import type { Reporter, Step } from './progress.ts'
import type { Labelled } from './rows.ts'
import type { Candidate, TrainingSpec } from './spec.ts'
import type { Target } from './target.ts'

export interface Comparison {
  readonly spec: TrainingSpec
  readonly learners: Learners | undefined
  readonly columns: readonly ContractColumn[]
  readonly rows: Labelled
  readonly metric: string
  readonly greaterIsBetter: boolean
  /** What a difference of 1 is worth: 1 for shares, the spread of the target for errors in its units. */
  readonly scale: number
  readonly clock: Clock
  readonly fits: Fits
  readonly step: Step
  /** Tells of a configuration that was tried. */
  readonly note: (trial: Trial, message: string) => void
  /** What an interrupted attempt at the same job already found out. */
  readonly finished: (kind: Trial['kind'], candidate: Candidate, rows: number) => Judged | undefined
  /** The blend of so many rows, likewise. */
  readonly finishedBlend: (rows: number) => Trial | undefined
  /** Gives the candidate the next number; what came of it follows. */
  readonly numbered: (kind: Trial['kind'], candidate: Candidate) => (judged: Judged) => Trial
}

export interface ComparisonRequest {
  readonly spec: TrainingSpec
  readonly learners: Learners | undefined
  readonly columns: readonly ContractColumn[]
  readonly rows: Labelled
  readonly clock: Clock
  readonly reporter: Reporter
  readonly fits: Fits
}

export function createComparison(request: ComparisonRequest): Omit<Comparison, 'step'> {
  const { spec, rows, reporter } = request
  const metric = comparedMetric(spec, rows.target)
  const finished = new Map(
    (spec.finished ?? []).map((trial) => [`${trial.kind} ${trial.rows} ${configurationKey(trial)}`, trial]),
  )
  let number = 0
  return {
    ...request,
    metric,
    greaterIsBetter: findMetric(metric)!.greaterIsBetter,
    scale: scaleOf(metric, rows.target),
    note: (trial, message) => reporter.trial(trial, message),
    finished: (kind, candidate, count) => finished.get(`${kind} ${count} ${configurationKey(candidate)}`),
    finishedBlend: (count) =>
      spec.finished?.find(
        ({ kind, algorithm, rows }) => kind === 'candidate' && algorithm === 'blend' && rows === count,
      ),
    numbered: (kind, { algorithm, hyperparameters }) => {
      const common = { kind, number: number++, algorithm, hyperparameters: { ...hyperparameters }, metric }
      return (judged) => ({ ...common, chosen: false, ...judged })
    },
  }
}

/**
 * The metric of the evaluation where one was named; else log loss or the root mean squared error, which see by how much every
 * row is missed and are therefore the least noisy. Weighted classes are meant to be missed otherwise: there it is the area
 * under the ROC curve for two classes, F1 for more.
 */
function comparedMetric(spec: TrainingSpec, target: Target): string {
  if (spec.evaluation.metric !== undefined) return spec.evaluation.metric
  if (target.task === 'regression') return 'rmse'
  const weighted = [spec, ...(spec.candidates ?? [])].some(
    ({ hyperparameters }) => hyperparameters.class_weight === 'balanced',
  )
  if (!weighted) return 'log_loss'
  return target.classes.length === 2 ? 'roc_auc' : 'f1'
}

function scaleOf(metric: string, target: Target): number {
  if (target.task === 'classification' || (metric !== 'rmse' && metric !== 'mae')) return 1
  const { values } = target
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

export function configurationKey({ algorithm, hyperparameters }: Candidate): string {
  return `${algorithm} ${JSON.stringify(Object.entries(hyperparameters).sort(([a], [b]) => (a < b ? -1 : 1)))}`
}

/** Those without a figure last. */
export function sortedByValue(trials: readonly Trial[], greaterIsBetter: boolean): Trial[] {
  const rank = ({ value }: Trial) => (value === null ? Number.NEGATIVE_INFINITY : greaterIsBetter ? value : -value)
  // On more rows first: those came further.
  return [...trials].sort((a, b) => b.rows - a.rows || rank(b) - rank(a))
}

export function trialSentence({ algorithm, metric, value, std_error, folds, rows, status, reason }: Trial): string {
  if (value === null) return `${algorithm}: ${status}${reason === undefined ? '' : `, ${reason}`}`
  const figure = `${metric} ${value.toPrecision(4)} ± ${(std_error ?? 0).toPrecision(2)}`
  return `${algorithm}: ${figure} in ${folds.length} folds of ${rows} rows${status === 'pruned' ? ', given up' : ''}`
}
