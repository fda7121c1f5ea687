// What a two-class model does at other thresholds than one half, so that a person can choose one by its consequences.
import type { Step } from './curves.ts'
import { sixDigits, sixDigitsBelow } from './rounding.ts'

export interface ThresholdRow {
  /** Rows whose probability of the second class is at least this are taken for it. */
  readonly threshold: number
  readonly precision: number
  readonly recall: number
  readonly f1: number
  readonly accuracy: number
  /** Share of the rows that are taken for the second class. */
  readonly share: number
}

const SPACING = 20

/** At 0.05, 0.10, … 0.95 and at the threshold of the highest F1, ascending. Steps as of `stepsOf`. */
export function thresholdTable(steps: readonly Step[]): ThresholdRow[] {
  const last = steps.at(-1)
  if (!last) return []
  const f1 = ({ hits, misses }: Pick<Step, 'hits' | 'misses'>) =>
    hits > 0 ? (2 * hits) / (hits + misses + last.hits) : 0
  const row = (threshold: number, { hits, misses }: Pick<Step, 'hits' | 'misses'>): ThresholdRow => {
    const rows = last.hits + last.misses
    return {
      threshold: sixDigitsBelow(threshold),
      precision: hits + misses > 0 ? sixDigits(hits / (hits + misses)) : 0,
      recall: last.hits > 0 ? sixDigits(hits / last.hits) : 0,
      f1: sixDigits(f1({ hits, misses })),
      accuracy: sixDigits((hits + last.misses - misses) / rows),
      share: sixDigits((hits + misses) / rows),
    }
  }
  const best = steps.reduce((a, b) => (f1(b) > f1(a) ? b : a))
  const regular = Array.from({ length: SPACING - 1 }, (_, i) => (i + 1) / SPACING).map((threshold) => {
    const reached = steps.findLastIndex((step) => step.threshold >= threshold)
    return row(threshold, reached < 0 ? { hits: 0, misses: 0 } : steps[reached]!)
  })
  const all = [...regular, row(best.threshold, best)].sort((a, b) => a.threshold - b.threshold)
  return all.filter((one, i) => i === 0 || one.threshold !== all[i - 1]!.threshold)
}
