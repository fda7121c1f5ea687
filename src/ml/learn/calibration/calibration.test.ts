// Reference values: scikit-learn 1.9.1's sigmoid calibration, and the minimum of the loss by SciPy's scalar search.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../core/random.ts'
import { fitCalibration } from './calibrate.ts'
import { climb, fitIsotonic } from './isotonic.ts'
import { climbAll, fitLadders } from './ladders.ts'
import { fitPlatt } from './platt.ts'
import { fitTemperature } from './temperature.ts'

const scores = Float64Array.of(-3, -2.2, -1.5, -1, -0.4, 0, 0.3, 0.8, 1.4, 2.1, 2.9, 3.5)
const labels = Int32Array.of(0, 0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1)

describe("Platt's sigmoid", () => {
  it('is the one scikit-learn fits', () => {
    const { slope, offset } = fitPlatt({ scores, labels })
    expect(slope).toBeCloseTo(0.4714784, 5)
    expect(offset).toBeCloseTo(-0.1101919, 5)
  })

  it('counts a row as often as it weighs', () => {
    const weights = Float64Array.from(labels, (_, row) => (row + 1) / 4)
    const { slope, offset } = fitPlatt({ scores, labels, weights })
    expect(slope).toBeCloseTo(0.4626854, 5)
    expect(offset).toBeCloseTo(0.0465157, 5)
  })

  it.each([1, 50, 1000])('says the same chances whatever the size of the scores: %i', (unit) => {
    const sized = Float64Array.from({ length: 200 }, (_, i) => (i % 2 === 1 ? unit : -unit))
    const tenthWrong = Int32Array.from({ length: 200 }, (_, i) => (i % 2) ^ Number(i % 20 < 2))
    const { slope, offset } = fitPlatt({ scores: sized, labels: tenthWrong })
    expect(1 / (1 + Math.exp(-slope * unit - offset))).toBeCloseTo(0.9, 1)
  })

  it('stays finite on scores that part the classes, and rising on scores that mislead', () => {
    const parted = fitPlatt({ scores, labels: Int32Array.from(scores, (score) => Number(score > 0.5)) })
    expect(Number.isFinite(parted.slope) && Number.isFinite(parted.offset)).toBe(true)
    const misled = fitPlatt({ scores, labels: Int32Array.from(scores, (score) => Number(score < 0.5)) })
    expect(misled.slope).toBeGreaterThan(0)
  })
})

describe('temperature', () => {
  const three = Float64Array.of(2, 0, -1, 1, 1.5, 0, 0, 0.2, 3, 4, 0, 1, 0, 2, 1, -1, 1, 0.5)

  it('is where the loss, and the prior on the logarithm, are lowest', () => {
    const own = Int32Array.of(0, 0, 2, 0, 1, 2)
    expect(fitTemperature({ scores: three, classes: 3, labels: own })).toBeCloseTo(1.3249218, 6)
  })

  it('is that of the loss alone where there are many rows', () => {
    const many = {
      scores: repeated(three, 3000),
      classes: 3,
      labels: Int32Array.from({ length: 18_000 }, (_, i) => [0, 0, 2, 0, 1, 2][i % 6]!),
    }
    expect(fitTemperature(many)).toBeCloseTo(1.4718002, 3)
  })

  it('does not ask for certainty where all rows are right, nor for ignorance where all are wrong', () => {
    const factor = (own: number[]) => fitTemperature({ scores: three, classes: 3, labels: Int32Array.from(own) })
    expect(factor([0, 1, 2, 0, 1, 1])).toBeCloseTo(2.4992847, 6)
    expect(factor([2, 2, 0, 1, 0, 0])).toBeCloseTo(0.190991, 6)
  })

  it('stays within its bounds where scores of any size part the classes', () => {
    for (const unit of [1e-9, 1e-3, 1e9]) {
      const scores = Float64Array.from({ length: 900 }, (_, i) => (i % 3 === Math.floor(i / 3) % 3 ? unit : 0))
      const labels = Int32Array.from({ length: 300 }, (_, row) => row % 3)
      const factor = fitTemperature({ scores, classes: 3, labels })
      expect(factor).toBeGreaterThanOrEqual(1e-3)
      expect(factor).toBeLessThanOrEqual(1e3)
    }
  })
})

const repeated = (values: Float64Array, times: number) =>
  Float64Array.from({ length: times * values.length }, (_, i) => values[i % values.length]!)

const rows = fc.record({ seed: fc.nat(), count: fc.integer({ min: 1, max: 120 }), steep: fc.constantFrom(0, 1, 5) })

function drawn({ seed, count, steep }: { seed: number; count: number; steep: number }) {
  const random = seededRandom(seed)
  const own = Float64Array.from({ length: count }, () => Math.round(random.normal() * 20) / 20)
  const hits = Uint8Array.from(own, (score) => Number(random.next() < 1 / (1 + Math.exp(-steep * score))))
  return { scores: own, hits, closest: 0.05 }
}

describe('isotonic regression', () => {
  it('rises, stays inside (0, 1), and keeps the average share', () => {
    fc.assert(
      fc.property(rows, (one) => {
        const given = drawn(one)
        const ladder = fitIsotonic(given)
        for (let i = 1; i < ladder.scores.length; i++) {
          expect(ladder.scores[i]! - ladder.scores[i - 1]!).toBeGreaterThanOrEqual(given.closest / 2)
          expect(ladder.shares[i]).toBeGreaterThanOrEqual(ladder.shares[i - 1]!)
        }
        expect(ladder.shares[0]).toBeGreaterThan(0)
        expect(ladder.shares.at(-1)).toBeLessThan(1)
        const said = given.scores.reduce((sum, score) => sum + climb(ladder, score), 0)
        const was = given.hits.reduce((sum, hit) => sum + hit, 0)
        expect(Math.abs(said - was) / given.hits.length).toBeLessThan(0.25)
      }),
    )
  })

  it('answers the shares of a staircase it has seen often', () => {
    const own = Float64Array.from({ length: 900 }, (_, i) => Math.floor(i / 300))
    const hits = Uint8Array.from({ length: 900 }, (_, i) => Number(i % 300 < [30, 150, 240][Math.floor(i / 300)]!))
    const ladder = fitIsotonic({ scores: own, hits, closest: 0.05 })
    const said = [-5, 0, 1, 2, 9].map((score) => climb(ladder, score))
    for (const [i, share] of [0.1, 0.1, 0.5, 0.8, 0.8].entries()) expect(Math.abs(said[i]! - share)).toBeLessThan(0.01)
    expect(Math.abs(climb(ladder, 0.5) - 0.3)).toBeLessThan(0.01)
  })

  it('answers the same whatever the order of rows of one score', () => {
    const own = Float64Array.from({ length: 200 }, (_, i) => Math.floor(i / 100))
    const hitsOf = (hit: (i: number, many: number) => boolean) =>
      Uint8Array.from({ length: 200 }, (_, i) => Number(hit(i % 100, i < 100 ? 30 : 60)))
    const first = fitIsotonic({ scores: own, hits: hitsOf((i, many) => i < many), closest: 0.05 })
    const last = fitIsotonic({ scores: own, hits: hitsOf((i, many) => i >= 100 - many), closest: 0.05 })
    expect(last).toEqual(first)
    expect(climb(last, 0)).toBeCloseTo(0.3, 2)
    expect(climb(last, 1)).toBeCloseTo(0.6, 2)
  })

  it('gives each class its map, and shares that add up to one', () => {
    const random = seededRandom(1)
    const own = Float64Array.from({ length: 600 }, () => random.next())
    const classes = Int32Array.from({ length: 200 }, (_, row) => row % 3)
    const shares = climbAll(fitLadders({ scores: own, classes: 3, labels: classes }), own)
    for (let row = 0; row < 200; row++) {
      expect(shares[3 * row]! + shares[3 * row + 1]! + shares[3 * row + 2]!).toBeCloseTo(1, 12)
    }
  })
})

it('no calibration changes nothing', () => {
  expect(fitCalibration('none', { scores, classes: 1, labels })).toEqual({ slope: 1, offset: 0 })
})
