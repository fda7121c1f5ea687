import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { ALGORITHMS, fillSettings } from '../learn/index.ts'
import { pointOf, randomPoint, type Space, settingsAt } from './space.ts'
import { spaceOf } from './spaces.ts'
import { figuresOf, isHopeless, winner } from './standings.ts'
import { suggest, type Tried } from './tpe.ts'

const SPACE: Space = [
  { name: 'rate', scale: 'log', low: 1e-4, high: 1 },
  { name: 'share', scale: 'linear', low: -1, high: 3 },
  { name: 'trees', scale: 'log', low: 10, high: 1000, integer: true },
  { name: 'kind', scale: 'choice', values: ['a', [1, 2], null] },
]

describe('a space', () => {
  it('has settings at every point, and finds the point again', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const point = randomPoint(SPACE, seededRandom(seed))
        const settings = settingsAt(SPACE, point)
        const found = pointOf(SPACE, settings)!
        for (const i of [0, 1, 3]) expect(found[i]).toBeCloseTo(point[i]!, 2)
        expect(settings.trees).toSatisfy(Number.isInteger)
      }),
    )
  })

  it('does not know settings beside it', () => {
    expect(pointOf(SPACE, { rate: 2, share: 0, trees: 10, kind: 'a' })).toBeUndefined()
    expect(pointOf(SPACE, { rate: 0.1, share: 0, trees: 10, kind: 'b' })).toBeUndefined()
  })

  const searched = Object.entries(ALGORITHMS).filter(([, { composed }]) => !composed)
  describe.each(searched)('of %s', (name, { hyperparameters }) => {
    it('is there, and every corner is allowed', () => {
      const space = spaceOf(name)
      expect(space.length).toBeGreaterThan(0)
      const ends = space.map((parameter) => (parameter.scale === 'choice' ? parameter.values.map((_, i) => i) : [0, 1]))
      for (const [i, places] of ends.entries()) {
        for (const place of places) {
          const point = space.map((_, k) => (k === i ? place : 0))
          expect(() => fillSettings(hyperparameters, settingsAt(space, point))).not.toThrow()
        }
      }
    })
  })
})

describe('the Parzen estimator', () => {
  /** A bowl in the two ranges, and one of the three kinds better than the others. */
  const loss = ([rate, share, , kind]: readonly number[]) =>
    (rate! - 0.7) ** 2 + (share! - 0.2) ** 2 + (kind === 1 ? 0 : 0.3)

  function search(trials: number, seed: number, next: (tried: Tried[], n: number) => number[]): number {
    const tried: Tried[] = []
    for (let n = 0; n < trials; n++) {
      const point = next(tried, n)
      tried.push({ point, loss: loss(point) })
    }
    return Math.min(...tried.map((one) => one.loss)) + 0 * seed
  }

  it('comes nearer to the best than chance does', () => {
    const seeds = Array.from({ length: 20 }, (_, i) => i)
    const mean = (values: readonly number[]) => figuresOf(values).mean
    const guided = mean(
      seeds.map((seed) => search(40, seed, (tried, n) => suggest(SPACE, tried, seededRandom(seed * 1000 + n)))),
    )
    const blind = mean(
      seeds.map((seed) => search(40, seed, (_, n) => randomPoint(SPACE, seededRandom(seed * 1000 + n)))),
    )
    expect(guided).toBeLessThan(blind / 2)
  })

  it('stays within the space, whatever was tried', () => {
    const points = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 2 }), fc.double()), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(points, fc.nat(), (some, seed) => {
        const tried = some.map(([at, kind, loss]) => ({ point: [at, at, 1 - at, kind], loss }))
        const point = suggest(SPACE, tried, seededRandom(seed))
        expect(point.slice(0, 3).every((at) => at >= 0 && at <= 1)).toBe(true)
        expect([0, 1, 2]).toContain(point[3])
      }),
    )
  })

  it('is the same for the same seed', () => {
    const tried = Array.from({ length: 12 }, (_, i) => ({ point: [i / 12, 0.5, 0.5, i % 3], loss: i }))
    expect(suggest(SPACE, tried, seededRandom(4))).toEqual(suggest(SPACE, tried, seededRandom(4)))
  })
})

describe('the winner', () => {
  const rule = { greaterIsBetter: true, tolerance: 0.002 }

  it('is the best by far', () => {
    expect(winner([{ folds: [0.8, 0.81, 0.79] }, { folds: [0.9, 0.91, 0.89] }], rule)).toBe(1)
  })

  it('is the cheaper one where the difference is noise', () => {
    expect(winner([{ folds: [0.8, 0.82, 0.81] }, { folds: [0.82, 0.8, 0.811] }], rule)).toBe(0)
  })

  it('is the better one where the difference is small but the same in every fold', () => {
    expect(winner([{ folds: [0.8, 0.82, 0.81] }, { folds: [0.8015, 0.8215, 0.8115] }], rule)).toBe(1)
  })

  it('is the better one where noise would hide a difference that matters', () => {
    expect(winner([{ folds: [0.8, 0.9, 0.7] }, { folds: [0.9, 0.8, 0.72] }], rule)).toBe(1)
  })

  it('is the one of the lowest error where less is better', () => {
    const less = { greaterIsBetter: false, tolerance: 0 }
    expect(winner([{ folds: [3, 3.1] }, { folds: [2, 2.1] }, { folds: [2.5, 2.6] }], less)).toBe(1)
  })

  it('is judged by the folds that all have', () => {
    expect(winner([{ folds: [0.9, 0.1, 0.1] }, { folds: [0.8] }], rule)).toBe(0)
  })

  it('is never one without figures', () => {
    expect(winner([{ folds: [] }, { folds: [0.1] }, { folds: [Number.NaN] }], rule)).toBe(1)
    expect(winner([{ folds: [] }], rule)).toBeUndefined()
  })
})

describe('a trial', () => {
  const complete = [0.7, 0.72, 0.74, 0.76, 0.78].map((value) => [value, value])

  it('is given up when it is worse than half of those before it', () => {
    expect(isHopeless([0.73], complete, true)).toBe(true)
    expect(isHopeless([0.75], complete, true)).toBe(false)
    expect(isHopeless([0.75], complete, false)).toBe(true)
  })

  it('is not given up while little is known', () => {
    expect(isHopeless([0.1], complete.slice(1), true)).toBe(false)
  })
})
