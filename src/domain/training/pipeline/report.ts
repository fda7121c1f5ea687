// Everything there is to say about predictions of the held-out rows: the figures, how sure they are, and what is drawn.
import type { ClassificationReport, Interval, RegressionReport } from '../../../contract/evaluation.ts'
import { fail } from '../../../core/failure.ts'
import {
  bootstrapIntervals,
  chartsOf,
  evaluateClassification,
  evaluateRegression,
  type Weighed,
  weighClassification,
  weighRegression,
} from '../../../ml/metrics/index.ts'
import type { Measured } from './measure.ts'
import type { Predictions } from './predictions.ts'
import type { Target } from './target.ts'

export interface Report extends Measured {
  /** 95 % intervals by metric. */
  readonly intervals: Readonly<Record<string, Interval>>
  readonly classification: ClassificationReport | null
  readonly regression: RegressionReport | null
}

const LEVEL = 0.95
/** An area costs one pass over the rows for each class; beyond this many scores it has no interval. */
const MAX_RANKED_SCORES = 1e6
/** Of thousands of classes only the most frequent ones are listed. */
const MAX_LISTED_CLASSES = 1000

/** Throws `invalid` EVALUATION_EMPTY without rows. */
export function report(target: Target, predictions: Predictions, seed: number): Report {
  const { weighed, rows, passes } = weigh(target, predictions, affordableAreas(target))
  if (target.task === 'classification' && predictions.task === 'classification') {
    const { labels, classes } = target
    const input = { labels, classes, probabilities: predictions.probabilities, predicted: predictions.labels }
    const { metrics, details } = evaluateClassification(input)
    const listed = [...details.per_class].sort((a, b) => b.support - a.support).slice(0, MAX_LISTED_CLASSES)
    const per_class = listed.length < details.per_class.length ? listed : [...details.per_class]
    return {
      metrics,
      intervals: bootstrapIntervals(weighed, { rows, seed, level: LEVEL, passes }),
      classification: { classes: [...classes], ...chartsOf(input), ...details, per_class } as ClassificationReport,
      regression: null,
    }
  }
  if (target.task === 'regression' && predictions.task === 'regression') {
    const { metrics, details } = evaluateRegression({ actual: target.values, predicted: predictions.values })
    const intervals = bootstrapIntervals(weighed, { rows, seed, level: LEVEL, passes })
    if (metrics.mape === undefined) delete intervals.mape
    return { metrics, intervals, classification: null, regression: details as unknown as RegressionReport }
  }
  throw wrongTask(target, predictions)
}

export interface WeighedRows {
  readonly weighed: Weighed
  readonly rows: number
  /** Passes over the rows that one weighing costs. */
  readonly passes: number
}

type Area = 'roc_auc' | 'pr_auc'

function affordableAreas(target: Target): readonly Area[] {
  if (target.task === 'regression') return []
  const ranked = target.classes.length === 2 ? 1 : target.classes.length
  return target.labels.length * ranked <= MAX_RANKED_SCORES ? ['roc_auc', 'pr_auc'] : []
}

/** The figures of predictions as functions of row weights. */
export function weigh(target: Target, predictions: Predictions, areas: readonly Area[]): WeighedRows {
  if (target.task === 'classification' && predictions.task === 'classification') {
    const { labels, classes } = target
    const ranked = classes.length === 2 ? 1 : classes.length
    const input = { labels, classes, probabilities: predictions.probabilities, predicted: predictions.labels }
    const passes = 1 + (areas.length > 0 ? ranked : 0) + classes.length / Math.max(1, labels.length)
    return { weighed: weighClassification(input, { areas }), rows: labels.length, passes }
  }
  if (target.task === 'regression' && predictions.task === 'regression') {
    const weighed = weighRegression({ actual: target.values, predicted: predictions.values })
    return { weighed, rows: target.values.length, passes: 1 }
  }
  throw wrongTask(target, predictions)
}

function wrongTask(target: Target, predictions: Predictions) {
  return fail('internal', 'WRONG_TASK', `A ${predictions.task} cannot be measured as a ${target.task}`)
}
