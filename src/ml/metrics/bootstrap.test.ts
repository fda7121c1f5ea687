// Reference values with weights: scikit-learn 1.9.1 with sample_weight. Interval: scipy.stats.bootstrap of 398 hits in 500
// rows (percentile, 9,999 resamples) gives 0.760 to 0.830.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { bootstrapIntervals, pairedDifference, resamplesFor } from './bootstrap.ts'
import { evaluateClassification } from './classification.ts'
import { evaluateRegression } from './regression.ts'
import { weighClassification, weighRegression } from './weigh.ts'

const pairs = (second: readonly number[]) => Float64Array.from(second.flatMap((p) => [1 - p, p]))
const areas = ['roc_auc', 'pr_auc'] as const

describe('weighted figures', () => {
  const scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.9, 0.2, 0.65, 0.7]
  const input = {
    labels: Int32Array.of(0, 0, 1, 1, 1, 0, 1, 0, 1, 0),
    probabilities: pairs(scores),
    predicted: Int32Array.from(scores, (p) => Number(p >= 0.5)),
    classes: ['no', 'yes'],
  }

  it.each([
    ['accuracy', 0.8],
    ['f1', 0.75],
    ['f1_macro', 0.7916666667],
    ['f1_weighted', 0.8],
    ['roc_auc', 0.9166666667],
    ['pr_auc', 0.9166666667],
    ['log_loss', 0.409105934],
    ['brier', 0.12925],
  ])('have the %s of scikit-learn', (name, expected) => {
    const figures = weighClassification(input, { areas })(Int32Array.of(2, 0, 1, 3, 0, 1, 0, 2, 0, 1))
    expect(figures[name]).toBeCloseTo(expected, 9)
  })

  it('have the errors of scikit-learn', () => {
    const actual = Float64Array.of(3, -0.5, 2, 7, 4.2)
    const predicted = Float64Array.of(2.5, 0.4, 2, 8, 4)
    const figures = weighRegression({ actual, predicted })(Int32Array.of(2, 0, 1, 3, 1))
    expect(figures.r2).toBeCloseTo(0.8786721504, 9)
    expect(figures.mae).toBeCloseTo(0.6, 9)
    expect(figures.rmse).toBeCloseTo(0.7111359123, 9)
    expect(figures.mape).toBeCloseTo(0.1156462585, 9)
  })

  it('are the plain ones where every row counts once', () => {
    const row = fc.record({
      label: fc.integer({ min: 0, max: 3 }),
      scores: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 4, maxLength: 4 }),
    })
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 40 }), fc.integer({ min: 2, max: 4 }), (rows, width) => {
        const labels = Int32Array.from(rows, ({ label }) => label % width)
        const probabilities = Float64Array.from(
          rows.flatMap(({ scores }) => {
            const used = scores.slice(0, width)
            const sum = used.reduce((a, b) => a + b, 0)
            return used.map((score) => score / sum)
          }),
        )
        const predicted = Int32Array.from(rows, (_, i) => i % width)
        const classes = ['a', 'b', 'c', 'd'].slice(0, width)
        const given = { labels, probabilities, predicted, classes }
        const { metrics } = evaluateClassification(given)
        const figures = weighClassification(given, { areas })(new Int32Array(rows.length).fill(1))
        for (const [name, value] of Object.entries(metrics)) expect(figures[name]).toBeCloseTo(value, 9)
      }),
    )
  })

  it('of numbers are the plain ones where every row counts once', () => {
    const cell = fc.double({ min: 1, max: 100, noNaN: true })
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 2, maxLength: 30 }), (rows) => {
        const given = { actual: Float64Array.from(rows, ([a]) => a), predicted: Float64Array.from(rows, ([, b]) => b) }
        const { metrics } = evaluateRegression(given)
        const figures = weighRegression(given)(new Int32Array(rows.length).fill(1))
        for (const [name, value] of Object.entries(metrics)) expect(figures[name]! - value).toBeCloseTo(0, 5)
      }),
    )
  })
})

/** Rows of which `share` are predicted right, in an order that has nothing to do with it. */
function hitting(rows: number, share: number, seed: number) {
  const random = seededRandom(seed)
  const labels = Int32Array.from({ length: rows }, () => random.integer(2))
  const predicted = labels.map((label) => (random.next() < share ? label : 1 - label))
  const probabilities = pairs([...predicted].map((label) => (label === 1 ? 0.9 : 0.1)))
  return { labels, predicted, probabilities, classes: ['no', 'yes'] }
}

describe('bootstrap intervals', () => {
  it('are as wide as those of scipy', () => {
    const labels = new Int32Array(500)
    const predicted = Int32Array.from({ length: 500 }, (_, row) => (row < 398 ? 0 : 1))
    const weighed = weighClassification(
      { labels, predicted, probabilities: pairs([...predicted]), classes: ['no', 'yes'] },
      { areas: [] },
    )
    const { accuracy } = bootstrapIntervals(weighed, { rows: 500, seed: 1, level: 0.95 })
    expect(Math.abs(accuracy!.low - 0.76)).toBeLessThan(0.006)
    expect(Math.abs(accuracy!.high - 0.83)).toBeLessThan(0.006)
  })

  it('are the same for the same seed', () => {
    const weighed = weighClassification(hitting(60, 0.8, 1), { areas })
    const of = (seed: number) => bootstrapIntervals(weighed, { rows: 60, seed, level: 0.95 })
    expect(of(3)).toEqual(of(3))
    expect(of(3)).not.toEqual(of(4))
  })

  it('are left out for what most resamples do not define', () => {
    const labels = Int32Array.of(1, ...new Array<number>(9).fill(0))
    const given = { labels, predicted: labels, probabilities: pairs([...labels]), classes: ['no', 'yes'] }
    const found = bootstrapIntervals(weighClassification(given, { areas }), { rows: 10, seed: 1, level: 0.95 })
    expect(found).not.toHaveProperty('roc_auc')
    expect(found).toHaveProperty('accuracy')
  })

  it('hold the truth about as often as they say', () => {
    let held = 0
    for (let seed = 0; seed < 100; seed++) {
      const weighed = weighClassification(hitting(200, 0.8, seed), { areas: [] })
      const { accuracy } = bootstrapIntervals(weighed, { rows: 200, seed, level: 0.9, passes: 5000 })
      if (accuracy!.low <= 0.8 && accuracy!.high >= 0.8) held++
    }
    expect(held).toBeGreaterThan(80)
    expect(held).toBeLessThan(98)
  })

  it('take fewer resamples of many rows', () => {
    expect(resamplesFor({ rows: 1000 })).toBe(1000)
    expect(resamplesFor({ rows: 500_000 })).toBe(200)
    expect(resamplesFor({ rows: 5_000_000 })).toBe(100)
  })
})

describe('a paired difference', () => {
  const weighed = (share: number) => weighClassification(hitting(400, share, 5), { areas })
  const between = (a: number, b: number) =>
    pairedDifference(
      { first: weighed(a), second: weighed(b), metric: 'accuracy' },
      { rows: 400, seed: 1, level: 0.95 },
    )!

  it('is above 0 for a clearly better model, and below for a worse one', () => {
    expect(between(0.9, 0.7).low).toBeGreaterThan(0)
    expect(between(0.7, 0.9).high).toBeLessThan(0)
  })

  it('is nothing between a model and itself', () => {
    expect(between(0.8, 0.8)).toEqual({ difference: 0, low: 0, high: 0, level: 0.95 })
  })

  it('is narrower than the intervals of the two', () => {
    const { low, high } = between(0.82, 0.8)
    const one = bootstrapIntervals(weighed(0.8), { rows: 400, seed: 1, level: 0.95 }).accuracy!
    expect(high - low).toBeLessThan(one.high - one.low)
  })
})
