import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom, shuffle } from './random.ts'

const seeds = fc.integer({ min: 0, max: 4294967295 })

describe('seeded randomness', () => {
  it('repeats itself for the same seed', () => {
    const [a, b] = [seededRandom(42), seededRandom(42)]
    expect(Array.from({ length: 50 }, () => a.next())).toEqual(Array.from({ length: 50 }, () => b.next()))
  })

  it('differs for neighbouring seeds', () => {
    const firsts = Array.from({ length: 1000 }, (_, seed) => seededRandom(seed).next())
    expect(new Set(firsts).size).toBe(1000)
  })

  it('never changes between releases, because seeds are recorded with models', () => {
    const random = seededRandom(42)
    expect(Array.from({ length: 4 }, () => random.integer(1_000_000))).toEqual([660_615, 126_880, 111_701, 814_939])
  })

  it('stays within its bounds', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 1e6 }), (seed, bound) => {
        const random = seededRandom(seed)
        for (let i = 0; i < 20; i++) {
          const [real, whole] = [random.next(), random.integer(bound)]
          if (!(real >= 0 && real < 1) || !(whole >= 0 && whole < bound && Number.isInteger(whole))) return false
        }
        return true
      }),
    )
  })

  it('is uniform: each of ten bins of 100,000 numbers holds a tenth, within six standard deviations', () => {
    const random = seededRandom(7)
    const bins = new Array<number>(10).fill(0)
    for (let i = 0; i < 100_000; i++) bins[random.integer(10)]!++
    for (const count of bins) expect(Math.abs(count - 10_000)).toBeLessThan(6 * Math.sqrt(100_000 * 0.1 * 0.9))
  })

  it('draws normal numbers of mean 0 and variance 1, within six standard errors', () => {
    const random = seededRandom(9)
    const values = Array.from({ length: 100_000 }, () => random.normal())
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length
    expect(Math.abs(mean)).toBeLessThan(6 / Math.sqrt(100_000))
    expect(Math.abs(variance - 1)).toBeLessThan(6 * Math.sqrt(2 / 100_000))
  })
})

describe('a shuffle', () => {
  it('keeps every item', () => {
    fc.assert(
      fc.property(seeds, fc.array(fc.integer()), (seed, items) => {
        expect(shuffle([...items], seededRandom(seed)).toSorted()).toEqual(items.toSorted())
      }),
    )
  })

  it('is the same for the same seed', () => {
    const items = Array.from({ length: 100 }, (_, i) => i)
    expect(shuffle([...items], seededRandom(1))).toEqual(shuffle([...items], seededRandom(1)))
    expect(shuffle([...items], seededRandom(1))).not.toEqual(shuffle([...items], seededRandom(2)))
  })

  it('puts every item in the first place equally often, within six standard deviations', () => {
    const random = seededRandom(3)
    const firsts = new Array<number>(5).fill(0)
    for (let i = 0; i < 20_000; i++) firsts[shuffle([0, 1, 2, 3, 4], random)[0]!]!++
    for (const count of firsts) expect(Math.abs(count - 4000)).toBeLessThan(6 * Math.sqrt(20_000 * 0.2 * 0.8))
  })

  it('works on typed arrays in place', () => {
    const rows = Uint32Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    expect(shuffle(rows, seededRandom(5))).toBe(rows)
    expect([...rows].toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })
})
