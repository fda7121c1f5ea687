import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { binBounds, binOf } from './bounds.ts'
import { placeFloats, sortFloats } from './sort-floats.ts'

const OPTIONS = { maxBins: 255, minRowsPerBin: 1 }
const sorted = (values: readonly number[]) => Float32Array.from(values).sort()

describe('bounds between bins', () => {
  it('part every pair of values while there are bins', () => {
    const values = sorted([3, 1, 2, 2, 7])
    const bounds = binBounds(values, OPTIONS)
    expect([...values].map((value) => binOf(bounds, value))).toEqual([0, 1, 1, 2, 3])
  })

  it('lie between the values, so that a value just beyond training stays with its neighbour', () => {
    expect([...binBounds(sorted([1, 3]), OPTIONS)]).toEqual([2])
  })

  it('give a very frequent value a bin of its own', () => {
    const values = sorted([...new Array<number>(500).fill(0), ...Array.from({ length: 500 }, (_, i) => 1 + i)])
    const bounds = binBounds(values, { maxBins: 10, minRowsPerBin: 3 })
    expect(bounds.length).toBeLessThanOrEqual(9)
    expect(binOf(bounds, 0)).toBe(0)
    expect(binOf(bounds, 1)).toBe(1)
  })

  it('fill bins about evenly', () => {
    const values = sorted(Array.from({ length: 10_000 }, (_, i) => i))
    const bounds = binBounds(values, { maxBins: 100, minRowsPerBin: 3 })
    const counts = new Array<number>(bounds.length + 1).fill(0)
    for (const value of values) counts[binOf(bounds, value)]!++
    expect(Math.max(...counts)).toBeLessThanOrEqual(110)
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(90)
  })

  it('ascend, are at most as many as asked for, and keep the order of values, whatever the values', () => {
    const value = fc.oneof(fc.float({ noNaN: true }), fc.integer({ min: -3, max: 3 }))
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 2, max: 40 }),
        (values, maxBins) => {
          const own = sorted(values)
          const bounds = binBounds(own, { maxBins, minRowsPerBin: 1 })
          expect(bounds.length).toBeLessThan(maxBins)
          for (let i = 1; i < bounds.length; i++) expect(bounds[i]).toBeGreaterThan(bounds[i - 1]!)
          const into = new Uint8Array(own.length)
          placeFloats(own, bounds, { into, missing: 0 })
          expect([...into]).toEqual(Array.from(own, (one) => binOf(bounds, one)))
          for (let i = 1; i < own.length; i++) {
            expect(binOf(bounds, own[i]!)).toBeGreaterThanOrEqual(binOf(bounds, own[i - 1]!))
          }
        },
      ),
    )
  })
})

it.each([500, 20_000, 200_000])(
  'a value lies in the bin whose bounds are around it where all are close together: 52 + i/%i',
  (part) => {
    const values = Float32Array.from({ length: 400 }, (_, i) =>
      i % 7 === 0 ? Number.NaN : 52 + ((i * 37) % 400) / part,
    )
    const bounds = binBounds(values.filter((value) => !Number.isNaN(value)).sort(), { maxBins: 60, minRowsPerBin: 1 })
    const into = new Uint8Array(values.length)
    placeFloats(values, bounds, { into, missing: 77 })
    expect([...into]).toEqual(Array.from(values, (one) => (Number.isNaN(one) ? 77 : binOf(bounds, one))))
  },
)

it('floats are sorted as they compare, whatever they are', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ noNaN: true })), (values) => {
      const expected = Float32Array.from(values).sort()
      expect(sortFloats(Float32Array.from(values))).toEqual(expected)
    }),
  )
})
