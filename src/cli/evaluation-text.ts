// The evaluation of a version for a terminal: the figures that decide, without the points of curves.
import type { EvaluationReport, Trial } from '../contract/evaluation.ts'
import { table } from './terminal.ts'

const MOST_CLASSES = 20

export function evaluationText(report: EvaluationReport): string {
  const { split, gate, warnings, classification, leaderboard, trials } = report
  const figures = Object.entries(report.metrics)
    .filter(([metric]) => !metric.startsWith('cv_'))
    .map(([metric, value]) => ({
      metric,
      value: short(value),
      'from (95 %)': end(report, metric, 'low'),
      to: end(report, metric, 'high'),
    }))
  const column = split.time_column ?? split.group_column
  const how = `${split.train_rows} rows learned, ${split.test_rows} held out (${split.method}${column ? ` by "${column}"` : ''}, seed ${split.seed})`
  return [
    `${report.model_id} ${report.version}: ${how}`,
    table(figures, ['metric', 'value', 'from (95 %)', 'to']),
    ...(classification ? [perClass(classification.per_class)] : []),
    ...(leaderboard.length > 0 ? [`Compared on the training rows\n${ranking(leaderboard)}`] : []),
    ...(trials.length > 0 ? [`Trials of the tuning\n${ranking(trials)}`] : []),
    `Gate: ${gate.promote ? 'promoted' : 'not promoted'}: ${gate.reason}`,
    ...warnings.map((warning) => `! ${warning}`),
  ].join('\n\n')
}

type Classes = NonNullable<EvaluationReport['classification']>['per_class']

function perClass(classes: Classes): string {
  const shown = classes.slice(0, MOST_CLASSES).map((one) => ({
    ...one,
    precision: short(one.precision),
    recall: short(one.recall),
    f1: short(one.f1),
  }))
  const rest = classes.length - shown.length
  return `${table(shown, ['class', 'precision', 'recall', 'f1', 'support'])}${rest > 0 ? `\n… and ${rest} more classes` : ''}`
}

function ranking(tried: readonly Trial[]): string {
  const rows = tried.map((trial) => ({
    ...trial,
    [trial.metric]: trial.value === null ? trial.status : short(trial.value),
    '±': trial.std_error === null ? '' : short(trial.std_error),
    seconds: trial.seconds.toFixed(1),
    note: trial.chosen ? 'chosen' : (trial.reason ?? ''),
  }))
  const [first] = tried
  return table(rows, ['number', 'algorithm', first!.metric, '±', 'rows', 'seconds', 'note'])
}

function end({ intervals }: EvaluationReport, metric: string, which: 'low' | 'high'): string {
  const interval = intervals[metric]
  return interval ? short(interval[which]) : ''
}

function short(value: number): string {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(4)
}
