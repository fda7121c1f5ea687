// Tests that stay valid however often one looks and whenever one stops: under the hypothesis the probability that the
// p-value is ever below α is at most α. That is what allows a canary to be judged every second.
import { logBeta, logRegularizedBeta } from './distributions.ts'
import { countOf, edgesOf, type Histogram, quantileStep } from './histogram.ts'
import type { Sample, Share } from './one-look.ts'

/**
 * p-value of "the true share is at most `limit`": the likelihood ratio against a uniform mixture of the shares above it
 * (Robbins 1970), which is a supermartingale under every share up to the limit.
 */
export function shareAbove({ hits, of }: Share, limit: number): number {
  if (of === 0 || limit >= 1) return 1
  if (limit <= 0) return hits > 0 ? 0 : 1
  const misses = of - hits
  const mixture =
    logBeta(hits + 1, misses + 1) + logRegularizedBeta(1 - limit, misses + 1, hits + 1) - Math.log1p(-limit)
  const atLimit = hits * Math.log(limit) + misses * Math.log1p(-limit)
  return Math.min(1, Math.exp(atLimit - mixture))
}

/** Standard deviation of the mixed differences, in standard deviations of one observation: where the test is sharpest. */
const MIXTURE = 0.1

/** Normal approximations want at least this many observations an arm. */
const FEWEST = 20

/**
 * Two-sided p-value of "the means differ by `expected`": the mixture sequential probability ratio test (Johari, Pekelis and
 * Walsh 2017) with the variance plugged in. 1 below 20 observations an arm.
 */
export function meansDiffer(a: Sample, b: Sample, expected = 0): number {
  if (a.count < FEWEST || b.count < FEWEST) return 1
  const spread = (a.variance * (a.count - 1) + b.variance * (b.count - 1)) / (a.count + b.count - 2)
  const variance = a.variance / a.count + b.variance / b.count
  return mixtureTest({ difference: b.mean - a.mean - expected, variance, mixed: MIXTURE ** 2 * spread })
}

/** The same for shares, with the pooled variance, so that an arm without a hit has one too. */
export function sharesDiffer(a: Share, b: Share, expected = 0): number {
  if (a.of < FEWEST || b.of < FEWEST) return 1
  const pooled = (a.hits + b.hits) / (a.of + b.of)
  const spread = pooled * (1 - pooled)
  return mixtureTest({
    difference: b.hits / b.of - a.hits / a.of - expected,
    variance: spread * (1 / a.of + 1 / b.of),
    mixed: MIXTURE ** 2 * spread,
  })
}

interface Mixture {
  readonly difference: number
  readonly variance: number
  readonly mixed: number
}

function mixtureTest({ difference, variance, mixed }: Mixture): number {
  if (variance === 0) return difference === 0 ? 1 : 0
  const together = variance + mixed
  const logRatio = 0.5 * Math.log(variance / together) + (difference ** 2 * mixed) / (2 * variance * together)
  return Math.min(1, Math.exp(-logRatio))
}

/**
 * Where a quantile of durations lies with probability 1 − `alpha`, at all looks together, in milliseconds. Howard and
 * Ramdas (2022), "Sequential estimation of quantiles", theorem 1 with its published constants. Infinite while unknown.
 */
export function quantileBounds(histogram: Histogram, q: number, alpha: number): readonly [number, number] {
  const n = countOf(histogram)
  if (n < 2) return [0, Number.POSITIVE_INFINITY]
  const rate = (1.4 * Math.log(Math.log(2.1 * n)) + Math.log(10 / alpha)) / n
  const margin = 1.5 * Math.sqrt(q * (1 - q) * rate) + 0.8 * rate
  const low = q - margin > 0 ? edgesOf(quantileStep(histogram, q - margin)!)[0] : 0
  const high = q + margin < 1 ? edgesOf(quantileStep(histogram, q + margin)!)[1] : Number.POSITIVE_INFINITY
  return [low, high]
}
