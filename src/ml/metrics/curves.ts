// The ROC and precision-recall curves of one score, as points for a chart. Rows with equal scores are one step. Long curves
// are thinned by the way they go rather than by their scores, so that a steep part keeps its points.
import type { Ranking } from './ranking.ts'
import { sixDigits, sixDigitsBelow } from './rounding.ts'

export interface RocPoint {
  /** Rows that score at least this are taken for positive; null for the point at which none is. */
  readonly threshold: number | null
  readonly false_positive_rate: number
  readonly true_positive_rate: number
}

export interface PrPoint {
  readonly threshold: number
  readonly recall: number
  readonly precision: number
}

export interface Curves {
  readonly roc: readonly RocPoint[]
  readonly pr: readonly PrPoint[]
}

export const MAX_POINTS = 200

/** Rows taken for positive at each different score, from the highest score down. */
export interface Step {
  readonly threshold: number
  readonly hits: number
  readonly misses: number
}

/** Cumulative counts; one entry for each different score. */
export function stepsOf({ score, positive, rows }: Ranking): Step[] {
  const scores = Float64Array.from({ length: rows }, (_, row) => score(row))
  const order = Uint32Array.from({ length: rows }, (_, row) => row).sort((a, b) => scores[b]! - scores[a]!)
  const steps: Step[] = []
  let hits = 0
  let misses = 0
  for (let i = 0; i < rows; i++) {
    if (positive(order[i]!)) hits++
    else misses++
    const threshold = scores[order[i]!]!
    if (i + 1 === rows || scores[order[i + 1]!] !== threshold) steps.push({ threshold, hits, misses })
  }
  return steps
}

/** Undefined where all rows are positive or all are negative. At most `MAX_POINTS` points each. */
export function curvesOf(ranking: Ranking): Curves | undefined {
  const steps = stepsOf(ranking)
  const last = steps.at(-1)
  if (!last || last.hits === 0 || last.misses === 0) return undefined
  const { hits: positives, misses: negatives } = last
  const roc: RocPoint[] = [
    { threshold: null, false_positive_rate: 0, true_positive_rate: 0 },
    ...steps.map(({ threshold, hits, misses }) => ({
      threshold,
      false_positive_rate: misses / negatives,
      true_positive_rate: hits / positives,
    })),
  ]
  const pr = steps.map(({ threshold, hits, misses }) => ({
    threshold,
    recall: hits / positives,
    precision: hits / (hits + misses),
  }))
  return {
    roc: thinned(roc, (point) => [point.false_positive_rate, point.true_positive_rate]).map(rounded),
    pr: thinned(pr, (point) => [point.recall, point.precision]).map(rounded),
  }
}

/** First and last point and as many others, equally far apart along the curve. */
function thinned<T>(points: readonly T[], place: (point: T) => readonly [number, number]): T[] {
  if (points.length <= MAX_POINTS) return [...points]
  const ways = new Float64Array(points.length)
  for (let i = 1; i < points.length; i++) {
    const [x, y] = place(points[i]!)
    const [px, py] = place(points[i - 1]!)
    ways[i] = ways[i - 1]! + Math.hypot(x - px, y - py)
  }
  const total = ways[points.length - 1]!
  const kept: T[] = [points[0]!]
  for (let i = 1; i < points.length - 1; i++) {
    if (kept.length < MAX_POINTS - 1 && ways[i]! >= (total * kept.length) / (MAX_POINTS - 1)) kept.push(points[i]!)
  }
  return [...kept, points.at(-1)!]
}

function rounded<T extends object>(point: T): T {
  const digits = (name: string) => (name === 'threshold' ? sixDigitsBelow : sixDigits)
  return Object.fromEntries(
    Object.entries(point).map(([name, value]) => [name, typeof value === 'number' ? digits(name)(value) : value]),
  ) as T
}
