// Quality of class predictions, as single figures for the registry and in detail for a person. Definitions are those of
// scikit-learn; a ratio without a denominator is 0, and a figure that cannot be computed (one class only) is left out.
import { fail } from '../../core/failure.ts'
import { type Confusion, countConfusion, reportConfusion } from './confusion.ts'
import { rowLosses } from './losses.ts'
import { rankingAreas } from './ranking.ts'

export interface ClassificationInput {
  /** True class of each row. */
  readonly labels: Int32Array
  /** Row-major, rows × classes. */
  readonly probabilities: Float32Array | Float64Array
  /** Names in class order; the second of two is the positive one. */
  readonly classes: readonly string[]
  /** Predicted class of each row; default: the first of the most probable. */
  readonly predicted?: Int32Array
}

export interface ClassReport {
  readonly class: string
  readonly precision: number
  readonly recall: number
  readonly f1: number
  /** Rows of the class. */
  readonly support: number
}

export interface ClassificationDetails {
  readonly per_class: readonly ClassReport[]
  readonly confusion: Confusion
}

export interface ClassificationQuality {
  /** By the names of METRICS; finite figures only. */
  readonly metrics: Readonly<Record<string, number>>
  readonly details: ClassificationDetails
}

/** Ranking thousands of classes one by one takes longer than training them: above this many scores it is left out. */
export const MAX_RANKED_SCORES = 2e7

/** Throws `invalid` EVALUATION_EMPTY without rows. */
export function evaluateClassification(input: ClassificationInput): ClassificationQuality {
  const { labels, probabilities, classes } = input
  const rows = labels.length
  if (rows === 0) throw fail('invalid', 'EVALUATION_EMPTY', 'There are no rows to evaluate on: hold out more rows')
  if (probabilities.length !== rows * classes.length) {
    const message = `${probabilities.length} probabilities do not fit ${rows} rows × ${classes.length} classes`
    throw fail('internal', 'EVALUATION_SHAPE', message)
  }
  const predicted = input.predicted ?? mostProbable(probabilities, classes.length)
  const counts = countConfusion(labels, predicted, classes.length)
  const reports = classes.map((name, k) => classReport(name, counts.hits[k]!, counts.actual[k]!, counts.guessed[k]!))
  const used = reports.filter((_, k) => counts.actual[k]! + counts.guessed[k]! > 0)
  const macro = averages(used, () => 1)
  const positive = classes.length === 2 ? reports[1]! : macro
  const weighted = averages(reports, (report) => report.support)
  const losses = rowLosses(input)
  const figures = {
    accuracy: counts.hits.reduce((sum, count) => sum + count, 0) / rows,
    precision: positive.precision,
    recall: positive.recall,
    f1: positive.f1,
    ...named(macro, 'macro'),
    ...named(weighted, 'weighted'),
    ...areas(input),
    log_loss: meanOf(losses.log_loss),
    brier: meanOf(losses.brier),
  }
  const metrics = Object.fromEntries(Object.entries(figures).filter(([, value]) => Number.isFinite(value)))
  return { metrics, details: { per_class: reports, confusion: reportConfusion(labels, predicted, classes) } }
}

function mostProbable(probabilities: Float32Array | Float64Array, width: number): Int32Array {
  const predicted = new Int32Array(probabilities.length / width)
  for (let row = 0; row < predicted.length; row++) {
    let best = 0
    for (let k = 1; k < width; k++) if (probabilities[row * width + k]! > probabilities[row * width + best]!) best = k
    predicted[row] = best
  }
  return predicted
}

function classReport(name: string, hits: number, actual: number, guessed: number): ClassReport {
  return {
    class: name,
    precision: guessed > 0 ? hits / guessed : 0,
    recall: actual > 0 ? hits / actual : 0,
    f1: actual + guessed > 0 ? (2 * hits) / (actual + guessed) : 0,
    support: actual,
  }
}

type Averages = Pick<ClassReport, 'precision' | 'recall' | 'f1'>

function averages(reports: readonly ClassReport[], weight: (report: ClassReport) => number): Averages {
  const total = reports.reduce((sum, report) => sum + weight(report), 0)
  const mean = (field: keyof Averages) =>
    reports.reduce((sum, report) => sum + weight(report) * report[field], 0) / total
  return { precision: mean('precision'), recall: mean('recall'), f1: mean('f1') }
}

function named({ precision, recall, f1 }: Averages, kind: string): Record<string, number> {
  return { [`precision_${kind}`]: precision, [`recall_${kind}`]: recall, [`f1_${kind}`]: f1 }
}

/** Two classes: those of the second. More: the mean over the classes that occur, each against the rest. */
function areas({ labels, probabilities, classes }: ClassificationInput): { roc_auc: number; pr_auc: number } {
  const width = classes.length
  if (probabilities.length > MAX_RANKED_SCORES) return { roc_auc: Number.NaN, pr_auc: Number.NaN }
  const own = (k: number) =>
    rankingAreas({
      rows: labels.length,
      score: (row) => probabilities[row * width + k]!,
      positive: (row) => labels[row] === k,
    })
  const ranked = width === 2 ? [own(1)] : classes.map((_, k) => own(k)).filter(({ rocAuc }) => Number.isFinite(rocAuc))
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  return { roc_auc: mean(ranked.map((one) => one.rocAuc)), pr_auc: mean(ranked.map((one) => one.prAuc)) }
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
