// Metrics as functions of whole-number row weights: what a bootstrap needs, where one row may count three times and another
// not at all. Everything that does not depend on the weights (losses, orders of scores) is worked out once.
// With all weights 1 the figures are those of evaluateClassification and evaluateRegression.
import type { ClassificationInput } from './classification.ts'
import { type RowLosses, rowLosses } from './losses.ts'
import type { RegressionInput } from './regression.ts'

/** Figures by the names of METRICS; not finite where the weighted rows do not define them. */
export type Weighed = (weights: Int32Array) => Readonly<Record<string, number>>

export interface WeighOptions {
  /** Also the areas under the curves, which cost one pass over the rows for each class. */
  readonly areas: readonly ('roc_auc' | 'pr_auc')[]
}

/** Rows must not be empty. `predicted` is needed, unlike for evaluateClassification. */
export function weighClassification(input: Required<ClassificationInput>, { areas }: WeighOptions): Weighed {
  const losses = rowLosses(input)
  const ranked = areas.length > 0 ? orders(input) : []
  return (weights) => {
    const figures: Record<string, number> = { ...byCounts(input, weights), ...mean(losses, weights) }
    if (areas.length > 0) {
      const own = ranked.map((order) => weighedAreas(order, weights)).filter(({ roc }) => Number.isFinite(roc))
      const average = (of: (area: (typeof own)[number]) => number) =>
        own.reduce((sum, area) => sum + of(area), 0) / own.length
      if (areas.includes('roc_auc')) figures.roc_auc = average(({ roc }) => roc)
      if (areas.includes('pr_auc')) figures.pr_auc = average(({ pr }) => pr)
    }
    return figures
  }
}

function byCounts({ labels, predicted, classes }: Required<ClassificationInput>, weights: Int32Array) {
  const width = classes.length
  const hits = new Float64Array(width)
  const actual = new Float64Array(width)
  const guessed = new Float64Array(width)
  let total = 0
  for (let row = 0; row < weights.length; row++) {
    const weight = weights[row]!
    if (weight === 0) continue
    total += weight
    actual[labels[row]!]! += weight
    guessed[predicted[row]!]! += weight
    if (labels[row] === predicted[row]) hits[labels[row]!]! += weight
  }
  const precision = (k: number) => (guessed[k]! > 0 ? hits[k]! / guessed[k]! : 0)
  const recall = (k: number) => (actual[k]! > 0 ? hits[k]! / actual[k]! : 0)
  const f1 = (k: number) => (actual[k]! + guessed[k]! > 0 ? (2 * hits[k]!) / (actual[k]! + guessed[k]!) : 0)
  const macro = { precision: 0, recall: 0, f1: 0 }
  const weighted = { precision: 0, recall: 0, f1: 0 }
  let used = 0
  for (let k = 0; k < width; k++) {
    if (actual[k]! + guessed[k]! > 0) used++
    for (const [name, of] of [
      ['precision', precision],
      ['recall', recall],
      ['f1', f1],
    ] as const) {
      macro[name] += of(k)
      weighted[name] += (of(k) * actual[k]!) / total
    }
  }
  const mean = { precision: macro.precision / used, recall: macro.recall / used, f1: macro.f1 / used }
  const positive = width === 2 ? { precision: precision(1), recall: recall(1), f1: f1(1) } : mean
  return {
    accuracy: hits.reduce((sum, count) => sum + count, 0) / total,
    ...positive,
    precision_macro: mean.precision,
    recall_macro: mean.recall,
    f1_macro: mean.f1,
    precision_weighted: weighted.precision,
    recall_weighted: weighted.recall,
    f1_weighted: weighted.f1,
  }
}

function mean(losses: RowLosses, weights: Int32Array): Record<string, number> {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return Object.fromEntries(
    Object.entries(losses).map(([name, values]: [string, Float64Array]) => {
      let sum = 0
      for (let row = 0; row < values.length; row++) sum += weights[row]! * values[row]!
      return [name, sum / total]
    }),
  )
}

interface Order {
  /** Rows from the highest score down. */
  readonly rows: Uint32Array
  /** 1 where the next row in that order has another score, or there is none. */
  readonly ends: Uint8Array
  readonly positive: Uint8Array
}

function orders({ labels, probabilities, classes }: ClassificationInput): Order[] {
  const width = classes.length
  const ranked = width === 2 ? [1] : classes.map((_, k) => k)
  return ranked.map((k) => {
    const score = (row: number) => probabilities[row * width + k]!
    const rows = Uint32Array.from(labels, (_, row) => row).sort((a, b) => score(b) - score(a))
    return {
      rows,
      ends: Uint8Array.from(rows, (row, i) => (i + 1 === rows.length || score(rows[i + 1]!) !== score(row) ? 1 : 0)),
      positive: Uint8Array.from(rows, (row) => (labels[row] === k ? 1 : 0)),
    }
  })
}

function weighedAreas({ rows, ends, positive }: Order, weights: Int32Array): { roc: number; pr: number } {
  let above = 0
  let below = 0
  let wins = 0
  let precisions = 0
  let hits = 0
  let misses = 0
  for (let i = 0; i < rows.length; i++) {
    const weight = weights[rows[i]!]!
    if (positive[i] === 1) hits += weight
    else misses += weight
    if (ends[i] === 0) continue
    wins += misses * (above + hits / 2)
    above += hits
    below += misses
    if (hits > 0) precisions += (hits * above) / (above + below)
    hits = 0
    misses = 0
  }
  return above > 0 && below > 0
    ? { roc: wins / (above * below), pr: precisions / above }
    : { roc: Number.NaN, pr: Number.NaN }
}

export function weighRegression({ actual, predicted }: RegressionInput): Weighed {
  return (weights) => {
    let total = 0
    let squares = 0
    let absolutes = 0
    let shares = 0
    let sum = 0
    for (let row = 0; row < weights.length; row++) {
      const weight = weights[row]!
      if (weight === 0) continue
      const error = predicted[row]! - actual[row]!
      total += weight
      squares += weight * error * error
      absolutes += weight * Math.abs(error)
      shares += (weight * Math.abs(error)) / Math.abs(actual[row]!)
      sum += weight * actual[row]!
    }
    let variation = 0
    let varies = false
    const first = actual[weights.findIndex((weight) => weight > 0)]!
    for (let row = 0; row < weights.length; row++) {
      variation += weights[row]! * (actual[row]! - sum / total) ** 2
      varies ||= weights[row]! > 0 && actual[row] !== first
    }
    return {
      rmse: Math.sqrt(squares / total),
      mae: absolutes / total,
      r2: varies && variation > 0 ? 1 - squares / variation : Number.NaN,
      mape: shares / total,
    }
  }
}
