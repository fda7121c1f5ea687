// How far the figures of a set are from the best reference, and the mean rank over all sets.
import { findMetric } from '../../src/ml/metrics/index.ts'
import type { QualityRows } from './rows.ts'

/** The one rule: below the best reference by so much, at most; for errors as a share of the reference. */
const ALLOWED = {
  gradient_boosting: { score: 0.003, error: 0.005 },
  automatic: { score: 0.002, error: 0.002 },
} as const
const TREES = ['lightgbm', 'xgboost', 'hist_gradient_boosting'] as const
const EVERYONE = [...TREES, 'linear', 'linear_svc'] as const

export type Figures = Readonly<Record<string, number>>

export interface SetResult {
  readonly set: string
  /** To learn from, and held out. */
  readonly rows: readonly [number, number]
  readonly engines: Readonly<Record<string, Figures>>
  readonly choice?: {
    readonly chosen: string
    readonly compared: Readonly<Record<string, string>>
    readonly seconds: number
  }
  readonly verdict: readonly Verdict[]
}

export interface Verdict {
  readonly of: keyof typeof ALLOWED
  readonly metric: string
  readonly best: string
  /** Ours − best; for errors the share of the best that is saved: positive is better. */
  readonly gain: number
  readonly ok: boolean
}

type Target = QualityRows['test']['target']

/** The first is the one that ranks go by. */
export function metricsOf(target: Target): readonly string[] {
  if (target.task === 'regression') return ['rmse']
  return target.classes.length === 2 ? ['roc_auc', 'f1_macro'] : ['f1_macro']
}

/** Of a set's figures, whenever they were measured. */
export function verdictOf(engines: SetResult['engines']): Verdict[] {
  const sides = [
    { of: 'gradient_boosting', against: TREES },
    { of: 'automatic', against: EVERYONE },
  ] as const
  return sides.flatMap(({ of, against }) => {
    const ours = engines[of]
    const rivals = against.filter((name) => engines[name])
    if (!ours || rivals.length === 0) return []
    return Object.keys(ours).map((metric): Verdict => {
      const { greaterIsBetter } = findMetric(metric)!
      const gains = rivals.map((name) => {
        const theirs = engines[name]![metric]!
        return greaterIsBetter ? ours[metric]! - theirs : (theirs - ours[metric]!) / theirs
      })
      const gain = Math.min(...gains)
      const allowed = greaterIsBetter ? ALLOWED[of].score : ALLOWED[of].error
      // Figures have four digits.
      const ok = gain >= -allowed - 5e-5
      return { of, metric, best: rivals[gains.indexOf(gain)]!, gain: Number(gain.toFixed(4)), ok }
    })
  })
}

/** Mean rank of each engine over the sets where all of its field are there: 1 is best, ties share. */
export function summary(results: readonly SetResult[]) {
  return {
    allowed: ALLOWED,
    ranks_of_defaults: meanRanks(results, ['gradient_boosting', ...TREES]),
    ranks_with_choice: meanRanks(results, ['automatic', 'lightgbm', 'xgboost', 'hist_gradient_boosting', 'linear']),
    missed: results.flatMap(({ set, verdict }) =>
      verdict.filter(({ ok }) => !ok).map(({ of, metric, best, gain }) => `${set}: ${of} ${metric} ${gain} (${best})`),
    ),
  }
}

function meanRanks(results: readonly SetResult[], field: readonly string[]): Readonly<Record<string, number>> {
  const ranked = results.filter(({ engines }) => field.every((name) => engines[name]))
  const ranks = ranked.map(({ engines }) => {
    const metric = Object.keys(engines[field[0]!]!)[0]!
    const sign = findMetric(metric)!.greaterIsBetter ? -1 : 1
    const losses = field.map((name) => sign * engines[name]![metric]!)
    return losses.map(
      (one) =>
        1 + losses.filter((other) => other < one).length + (losses.filter((other) => other === one).length - 1) / 2,
    )
  })
  return Object.fromEntries(
    field.map((name, i) => [name, Number((ranks.reduce((sum, rank) => sum + rank[i]!, 0) / ranks.length).toFixed(2))]),
  )
}
