// How much a figure would have varied with other held-out rows of the same kind: percentile bootstrap (Efron 1979). Rows are
// drawn once for all figures and, in a comparison, for both models: only then is the difference of two models on the same
// rows as precise as it can be. The work is bounded: many rows get fewer resamples, because they vary less.
import { type Random, seededRandom } from '../../core/random.ts'
import { quantile } from './quantiles.ts'
import { sixDigits } from './rounding.ts'
import type { Weighed } from './weigh.ts'

export interface Interval {
  readonly low: number
  readonly high: number
}

export interface Resampling {
  readonly rows: number
  readonly seed: number
  /** Width of the interval, such as 0.95. */
  readonly level: number
  /** Cost of one resample in passes over the rows; default 1. */
  readonly passes?: number
}

const MAX_RESAMPLES = 1000
const MIN_RESAMPLES = 100
/** Rows touched in all: one or two seconds. */
const MAX_WORK = 1e8
/** A figure that so large a part of the resamples does not define has no interval. */
const MAX_UNDEFINED = 0.05

export function resamplesFor({ rows, passes = 1 }: Pick<Resampling, 'rows' | 'passes'>): number {
  return Math.max(MIN_RESAMPLES, Math.min(MAX_RESAMPLES, Math.floor(MAX_WORK / Math.max(1, rows * passes))))
}

/** An interval for each figure that is defined in (nearly) all resamples. */
export function bootstrapIntervals(weighed: Weighed, resampling: Resampling): Record<string, Interval> {
  const drawn = resampled(resampling, (weights) => weighed(weights))
  const intervals: Record<string, Interval> = {}
  for (const name of Object.keys(drawn[0] ?? {})) {
    const interval = intervalOf(
      drawn.map((figures) => figures[name]!),
      resampling.level,
    )
    if (interval) intervals[name] = interval
  }
  return intervals
}

export interface Difference extends Interval {
  /** Of the figure on the rows as they are: first − second. */
  readonly difference: number
  readonly level: number
}

export interface Pair {
  readonly first: Weighed
  readonly second: Weighed
  readonly metric: string
}

/** Undefined where too many resamples do not define the metric for both. */
export function pairedDifference({ first, second, metric }: Pair, resampling: Resampling): Difference | undefined {
  const between = (weights: Int32Array) => first(weights)[metric]! - second(weights)[metric]!
  const interval = intervalOf(resampled(resampling, between), resampling.level)
  if (!interval) return undefined
  const difference = sixDigits(between(new Int32Array(resampling.rows).fill(1)))
  return { difference, ...interval, level: resampling.level }
}

function resampled<T>(resampling: Resampling, of: (weights: Int32Array) => T): T[] {
  const random = seededRandom(resampling.seed)
  const weights = new Int32Array(resampling.rows)
  return Array.from({ length: resamplesFor(resampling) }, () => {
    draw(weights, random)
    return of(weights)
  })
}

/** As many rows as there are, with replacement. */
function draw(weights: Int32Array, random: Random): void {
  weights.fill(0)
  for (let i = 0; i < weights.length; i++) weights[random.integer(weights.length)]!++
}

function intervalOf(values: readonly number[], level: number): Interval | undefined {
  const defined = Float64Array.from(values.filter(Number.isFinite)).sort()
  if (defined.length < values.length * (1 - MAX_UNDEFINED)) return undefined
  const outside = (1 - level) / 2
  return { low: sixDigits(quantile(defined, outside)), high: sixDigits(quantile(defined, 1 - outside)) }
}
