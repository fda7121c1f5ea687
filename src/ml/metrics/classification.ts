// A classifier's probabilities on held-out rows, measured. Undefined figures (a class without rows has no recall, one kind of
// row has no ROC curve) are left out rather than reported as zero; a precision with nothing predicted counts as 0.
import { averagePrecision, rocAuc } from './ranking.ts'

export interface ClassificationInput {
  /** Index of the true class of each row. */
  readonly actual: Int32Array
  /** Row-major, rows × classes. */
  readonly probabilities: Float64Array
  readonly classes: readonly string[]
}

export interface ClassFigures {
  readonly class: string
  readonly rows: number
  readonly precision: number
  readonly recall: number | null
  readonly f1: number
}

export interface ClassificationEvaluation {
  readonly metrics: Record<string, number>
  readonly classes: readonly ClassFigures[]
  /** `confusion[actual][predicted]`, in class order. */
  readonly confusion: readonly (readonly number[])[]
}

/** Probabilities are kept this far from 0 and 1 in the log loss, as in scikit-learn (float64). */
const LOG_FLOOR = Number.EPSILON

/** For two classes the positive one is the second in class order (1 after 0, true after false). */
export function evaluateClassification(input: ClassificationInput): ClassificationEvaluation {
  const { classes } = input
  const confusion = confusionMatrix(input)
  const figures = classes.map((name, k) => figuresOf(name, k, confusion))
  const rows = input.actual.length
  const right = confusion.reduce((sum, row, k) => sum + row[k]!, 0)
  const present = figures.filter((one) => one.rows > 0 || predictedAs(one, figures, confusion) > 0)
  const macro = (of: (one: ClassFigures) => number) => mean(present.map(of))
  const weighted = (of: (one: ClassFigures) => number) =>
    rows > 0 ? figures.reduce((sum, one) => sum + one.rows * of(one), 0) / rows : Number.NaN
  const recall = (one: ClassFigures) => one.recall ?? 0
  const positive = classes.length === 2 ? figures[1]! : undefined
  const metrics: Record<string, number> = {
    accuracy: rows > 0 ? right / rows : Number.NaN,
    precision: positive ? positive.precision : macro((one) => one.precision),
    recall: positive ? recall(positive) : macro(recall),
    f1: positive ? positive.f1 : macro((one) => one.f1),
    precision_macro: macro((one) => one.precision),
    recall_macro: macro(recall),
    f1_macro: macro((one) => one.f1),
    precision_weighted: weighted((one) => one.precision),
    recall_weighted: weighted(recall),
    f1_weighted: weighted((one) => one.f1),
    ...rankingMetrics(input),
    ...probabilityMetrics(input),
  }
  for (const [name, value] of Object.entries(metrics)) if (!Number.isFinite(value)) delete metrics[name]
  return { metrics, classes: figures, confusion }
}

function confusionMatrix({ actual, probabilities, classes }: ClassificationInput): number[][] {
  const width = classes.length
  const matrix = classes.map(() => new Array<number>(width).fill(0))
  for (let row = 0; row < actual.length; row++) {
    let best = 0
    for (let k = 1; k < width; k++) {
      if (probabilities[row * width + k]! > probabilities[row * width + best]!) best = k
    }
    matrix[actual[row]!]![best]!++
  }
  return matrix
}

function figuresOf(name: string, k: number, confusion: readonly (readonly number[])[]): ClassFigures {
  const hits = confusion[k]![k]!
  const rows = confusion[k]!.reduce((sum, count) => sum + count, 0)
  const predicted = confusion.reduce((sum, row) => sum + row[k]!, 0)
  return {
    class: name,
    rows,
    precision: predicted > 0 ? hits / predicted : 0,
    recall: rows > 0 ? hits / rows : null,
    f1: rows + predicted > 0 ? (2 * hits) / (rows + predicted) : 0,
  }
}

function predictedAs(
  one: ClassFigures,
  figures: readonly ClassFigures[],
  confusion: readonly (readonly number[])[],
): number {
  const k = figures.indexOf(one)
  return confusion.reduce((sum, row) => sum + row[k]!, 0)
}

function rankingMetrics({ actual, probabilities, classes }: ClassificationInput): Record<string, number> {
  const width = classes.length
  const measured = classes.length === 2 ? [1] : classes.map((_, k) => k)
  const areas: number[] = []
  const precisions: number[] = []
  for (const k of measured) {
    const positive = new Uint8Array(actual.length)
    const scores = new Float64Array(actual.length)
    for (let row = 0; row < actual.length; row++) {
      positive[row] = actual[row] === k ? 1 : 0
      scores[row] = probabilities[row * width + k]!
    }
    areas.push(rocAuc(positive, scores))
    precisions.push(averagePrecision(positive, scores))
  }
  return { roc_auc: mean(areas.filter(Number.isFinite)), pr_auc: mean(precisions.filter(Number.isFinite)) }
}

function probabilityMetrics({ actual, probabilities, classes }: ClassificationInput): Record<string, number> {
  const width = classes.length
  let logLoss = 0
  let brier = 0
  for (let row = 0; row < actual.length; row++) {
    const p = probabilities[row * width + actual[row]!]!
    logLoss -= Math.log(Math.min(1 - LOG_FLOOR, Math.max(LOG_FLOOR, p)))
    // For two classes the usual definition looks at the positive class alone, which is half of the sum over both.
    for (let k = width === 2 ? 1 : 0; k < width; k++) {
      brier += (probabilities[row * width + k]! - (actual[row] === k ? 1 : 0)) ** 2
    }
  }
  return { log_loss: logLoss / actual.length, brier: brier / actual.length }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
