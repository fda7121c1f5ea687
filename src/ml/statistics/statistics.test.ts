// Reference values: closed forms and tables;
// error rates of the sequential tests by simulation.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { logGamma, logRegularizedBeta, normalTwoSided, studentTwoSided } from './distributions.ts'
import { edgesOf, stepOf } from './histogram.ts'
import {
  addHistograms,
  countOf,
  HistogramRecorder,
  mannWhitney,
  meansDiffer,
  quantile,
  quantileBounds,
  shareAbove,
  sharesDiffer,
  twoProportions,
  welch,
} from './index.ts'

describe('distributions', () => {
  it('agree with closed forms and tables', () => {
    expect(logGamma(5)).toBeCloseTo(Math.log(24), 12)
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 12)
    // I_x(2, 3) = x² (6 − 8x + 3x²)
    expect(Math.exp(logRegularizedBeta(0.3, 2, 3))).toBeCloseTo(0.09 * (6 - 2.4 + 0.27), 12)
    expect(Math.exp(logRegularizedBeta(0.9, 2, 3))).toBeCloseTo(0.81 * (6 - 7.2 + 2.43), 12)
    expect(normalTwoSided(1.959963984540054)).toBeCloseTo(0.05, 12)
    expect(normalTwoSided(-0.5)).toBeCloseTo(0.6170750774519738, 12)
    expect(studentTwoSided(2.2281388519649385, 10)).toBeCloseTo(0.05, 10)
    // One degree of freedom is the Cauchy distribution.
    expect(studentTwoSided(1, 1)).toBeCloseTo(0.5, 12)
  })

  it('stay finite in the far tails', () => {
    expect(logRegularizedBeta(1e-3, 4000, 10)).toBeLessThan(-20_000)
    expect(normalTwoSided(40)).toBe(0)
  })
})

describe('a histogram of durations', () => {
  it('has every duration inside the edges of its step', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (ms) => {
        const [low, high] = edgesOf(stepOf(ms))
        expect(ms).toBeGreaterThanOrEqual(low * (1 - 1e-12))
        expect(ms).toBeLessThanOrEqual(high * (1 + 1e-12))
      }),
    )
  })

  it('knows quantiles to 5 %, added up or not', () => {
    const random = seededRandom(3)
    const values = Array.from({ length: 5000 }, () => Math.exp(2 * random.normal()))
    const recorders = [new HistogramRecorder(), new HistogramRecorder()]
    for (const [i, value] of values.entries()) recorders[i % 2]!.record(value)
    const sum = addHistograms(recorders.map((recorder) => recorder.toJSON()))
    expect(countOf(sum)).toBe(5000)
    values.sort((a, b) => a - b)
    for (const q of [0.01, 0.5, 0.95, 0.999]) {
      const exact = values[Math.ceil(q * 5000) - 1]!
      expect(Math.abs(quantile(sum, q)! / exact - 1)).toBeLessThan(0.05)
    }
    expect(quantile({}, 0.5)).toBeUndefined()
  })
})

describe('a test for one look', () => {
  it('of two shares is that of the textbook', () => {
    // z = −1.9802950859533488 for 20/100 against 10/100 with the pooled variance.
    expect(twoProportions({ hits: 20, of: 100 }, { hits: 10, of: 100 })).toBeCloseTo(
      normalTwoSided(1.9802950859533488),
      12,
    )
    expect(twoProportions({ hits: 0, of: 10 }, { hits: 0, of: 10 })).toBe(1)
    expect(twoProportions({ hits: 0, of: 0 }, { hits: 1, of: 1 })).toBe(1)
  })

  it('of two means is Welch’s', () => {
    // t = −2.5, 18 degrees of freedom: equal sizes and variances.
    const a = { count: 10, mean: 0, variance: 5 }
    expect(welch(a, { ...a, mean: 2.5 })).toBeCloseTo(studentTwoSided(2.5, 18), 12)
    expect(welch({ count: 1, mean: 0, variance: 0 }, a)).toBe(1)
  })

  it('of two rankings counts pairs, ties by half', () => {
    // a = 1 1 2, b = 2 3 by step: 5.5 of 6 pairs are greater.
    const { greater } = mannWhitney({ 1: 2, 2: 1 }, { 2: 1, 3: 1 })
    expect(greater).toBeCloseTo(5.5 / 6, 12)
    expect(mannWhitney({ 1: 50 }, { 1: 70 })).toEqual({ p: 1, greater: 0.5 })
    expect(mannWhitney({ 1: 50 }, { 2: 50 }).p).toBeLessThan(1e-6)
  })
})

describe('a test for many looks', () => {
  it('finds a gross fault at once, and none where there is none', () => {
    expect(shareAbove({ hits: 5, of: 5 }, 0.05)).toBeLessThan(1e-4)
    expect(shareAbove({ hits: 0, of: 1000 }, 0.05)).toBe(1)
    expect(shareAbove({ hits: 1, of: 3 }, 0)).toBe(0)
    expect(shareAbove({ hits: 3, of: 3 }, 1)).toBe(1)
    expect(shareAbove({ hits: 40_000, of: 500_000 }, 0.05)).toBeLessThan(1e-12)
    expect(sharesDiffer({ hits: 0, of: 500 }, { hits: 100, of: 500 })).toBeLessThan(1e-6)
    expect(meansDiffer({ count: 500, mean: 1, variance: 1 }, { count: 500, mean: 2, variance: 1 })).toBeLessThan(1e-6)
    expect(meansDiffer({ count: 5, mean: 1, variance: 1 }, { count: 5, mean: 9, variance: 1 })).toBe(1)
  })

  it('is wrong in at most as many runs as it says, looked at after every tenth observation', () => {
    const random = seededRandom(11)
    const runs = 200
    const wrong = { above: 0, shares: 0, means: 0, median: 0, once: 0 }
    for (let run = 0; run < runs; run++) {
      const seen = watchEqualArms(random)
      for (const name of Object.keys(wrong) as (keyof typeof wrong)[]) wrong[name] += Number(seen.has(name))
    }
    // Three standard deviations above 5 %.
    const most = runs * 0.05 + 3 * Math.sqrt(runs * 0.05 * 0.95)
    const { once, ...sequential } = wrong
    for (const count of Object.values(sequential)) expect(count).toBeLessThan(most)
    // The classical test is not meant for this.
    expect(once).toBeGreaterThan(most)
  })
})

/** Names of the tests that found a difference, at 5 %, somewhere within 1000 observations of each of two equal arms. */
function watchEqualArms(random: ReturnType<typeof seededRandom>): Set<string> {
  const found = new Set<string>()
  const hits = [0, 0]
  const sums = [0, 0]
  const squares = [0, 0]
  const times = new HistogramRecorder()
  for (let n = 1; n <= 1000; n++) {
    for (const arm of [0, 1]) {
      if (random.next() < 0.2) hits[arm]!++
      const value = random.normal()
      sums[arm]! += value
      squares[arm]! += value * value
    }
    times.record(Math.exp(random.normal()))
    if (n % 10 !== 0) continue
    const [a, b] = [0, 1].map((arm) => ({ hits: hits[arm]!, of: n }))
    const [c, d] = [0, 1].map((arm) => {
      const mean = sums[arm]! / n
      return { count: n, mean, variance: (squares[arm]! - n * mean * mean) / (n - 1) }
    })
    if (shareAbove(b!, 0.2) < 0.05) found.add('above')
    if (sharesDiffer(a!, b!) < 0.05) found.add('shares')
    if (meansDiffer(c!, d!) < 0.05) found.add('means')
    if (twoProportions(a!, b!) < 0.05) found.add('once')
    const [low, high] = quantileBounds(times.toJSON(), 0.5, 0.05)
    if (low > 1 || high < 1) found.add('median')
  }
  return found
}
