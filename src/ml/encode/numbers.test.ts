import { describe, expect, it } from 'vitest'
import { fitEncoding } from './encoding.ts'
import { aColumn, aTable, encodeColumn, numbers, rounded } from './testing.ts'

const DAY = 86_400_000

describe('numbers', () => {
  it('are standardised with the deviation of the whole, as scikit-learn does', async () => {
    // (1, 2, 3): mean 2, deviation sqrt(2/3)
    const { x } = await encodeColumn('number', [numbers(1, 2, 3)])
    expect(rounded(x)).toEqual([-1.22474, 0, 1.22474])
  })

  it('take the median where a value is missing and say so', async () => {
    // median 2; (1, 2, 9, 2): mean 3.5, deviation sqrt((2.5² + 1.5² + 5.5² + 1.5²) / 4) = 3.20156
    const features = await encodeColumn('number', [numbers(1, 2, 9, Number.NaN)])
    expect(rounded(features.x)).toEqual([-0.78087, -0.46852, 1.71791, -0.46852])
    expect(features['x is missing']).toEqual([0, 0, 0, 1])
  })

  it('have no mark for missing values when training had none, and still fill later ones', async () => {
    const features = await encodeColumn('number', [numbers(1, 2, 9), numbers(Number.NaN, 2)])
    expect(Object.keys(features)).toEqual(['x'])
    expect(features.x?.[0]).toBe(features.x?.[1])
  })

  it('treat an infinity as missing', async () => {
    const features = await encodeColumn('number', [
      numbers(1, 2, 9, -Infinity),
      numbers(Infinity, -Infinity, Number.NaN),
    ])
    expect(features['x is missing']).toEqual([1, 1, 1])
    expect(new Set(features.x).size).toBe(1)
  })

  it('keep the precision of large numbers that lie close together', async () => {
    const { x } = await encodeColumn('number', [numbers(1e12 + 1, 1e12 + 2, 1e12 + 3)])
    expect(rounded(x)).toEqual([-1.22474, 0, 1.22474])
  })

  it('stay finite at the ends of float64', async () => {
    const huge = Number.MAX_VALUE
    const { x } = await encodeColumn('number', [numbers(-huge, huge, 0)])
    expect(rounded(x)).toEqual([-1.22474, 1.22474, 0])
    const small = await encodeColumn('number', [numbers(1e-300, 2e-300), numbers(huge, -huge)])
    expect(small.x?.every(Number.isFinite)).toBe(true)
  })

  it('are left alone with scale none', async () => {
    expect(await encodeColumn('integer', [numbers(3, 7, -2)], { scale: 'none' })).toEqual({ x: [3, 7, -2] })
  })

  it('give no feature when constant, but a mark when some are missing', async () => {
    const columns = [
      aColumn('same', 'number'),
      aColumn('partly', 'number'),
      aColumn('empty', 'number'),
      aColumn('ok', 'number'),
    ]
    const table = aTable({
      same: numbers(5, 5),
      partly: numbers(5, Number.NaN),
      empty: numbers(Number.NaN, Number.NaN),
      ok: numbers(0, 1),
    })
    const encoding = fitEncoding(table, columns)
    expect(encoding.featureNames).toEqual(['ok', 'partly is missing'])
    expect([...encoding.featureColumns]).toEqual([3, 1])
    expect(encoding.dropped).toEqual([
      { column: 'same', reason: 'constant' },
      { column: 'empty', reason: 'empty' },
    ])
    expect(encoding.inputs.map((input) => input.name)).toEqual(['same', 'partly', 'empty', 'ok'])
  })

  it('fill a missing boolean with the share of true', async () => {
    const features = await encodeColumn('boolean', [numbers(1, 1, 0, Number.NaN)], { scale: 'none' })
    expect(rounded(features.x)).toEqual([1, 1, 0, 0.66667])
  })
})

describe('numbers for trees', () => {
  const choices = { scale: 'none', missing: 'keep' } as const

  it('keep their gaps, infinities among them, without a mark', async () => {
    const features = await encodeColumn(
      'number',
      [numbers(3, Number.NaN, 7), numbers(Number.NaN, 5, -Infinity)],
      choices,
    )
    expect(features).toEqual({ x: [Number.NaN, 5, Number.NaN] })
  })

  it('are a feature where they are the same and sometimes missing', async () => {
    expect(await encodeColumn('number', [numbers(5, Number.NaN)], choices)).toEqual({ x: [5, Number.NaN] })
  })

  it('are counted from their median where float32 would merge them', async () => {
    const { x } = await encodeColumn('integer', [numbers(1e12 + 1, 1e12 + 2, 1e12 + 4)], choices)
    expect(x).toEqual([-1, 0, 2])
  })
})

describe('datetimes', () => {
  it('have plain parts for trees, missing where the date is', async () => {
    const start = Date.UTC(2024, 0, 8) // a Monday, midnight
    const dates = numbers(start, start + 3.25 * DAY, start + 91.310625 * DAY, Number.NaN)
    const choices = { scale: 'none', missing: 'keep', dates: 'plain' } as const
    const features = await encodeColumn('datetime', [dates], choices)
    expect(features['x weekday']).toEqual([0, 3, 0, Number.NaN])
    expect(rounded(features['x time of day'], 3)).toEqual([0, 6, 7.455, Number.NaN])
    expect(features['x season']![2]! - features['x season']![0]!).toBeCloseTo(3, 5)
    expect(features.x![3]).toBeNaN()
  })

  it('become a line, a season, a weekday and a time of day', async () => {
    const start = Date.UTC(2024, 0, 1) // a Monday, midnight
    const dates = numbers(start, start + 3.25 * DAY, start + 91.310625 * DAY)
    const features = await encodeColumn('datetime', [dates], { scale: 'none' })
    // Monday is 0 of 7, Thursday 3 of 7; 91.310625 days after a Monday is a Monday again, at 07:27:18
    expect(rounded(features['x weekday (sin)'])).toEqual(rounded([0, Math.sin((6 * Math.PI) / 7), 0]))
    expect(rounded(features['x time of day (sin)'])).toEqual(rounded([0, 1, Math.sin(2 * Math.PI * 0.310625)]))
    expect(rounded(features['x time of day (cos)'], 4)).toEqual(rounded([1, 0, Math.cos(2 * Math.PI * 0.310625)], 4))
    // New Year is within two days of the start of the season; a quarter of a year later is a quarter of the circle on
    const [sin, cos] = [features['x season (sin)']!, features['x season (cos)']!]
    expect(Math.abs(sin[0]!)).toBeLessThan(0.035)
    expect([sin[2], cos[2]]).toEqual([expect.closeTo(cos[0]!, 5), expect.closeTo(-sin[0]!, 5)])
    expect(features.x![0]).toBeCloseTo(start / 31_556_952_000, 4)
  })

  it('drop the parts that do not vary', async () => {
    const weekly = numbers(0, 7 * DAY, 14 * DAY, 21 * DAY)
    expect(Object.keys(await encodeColumn('datetime', [weekly]))).toEqual(['x'])
  })

  it('work before 1970 and treat what no calendar knows as missing', async () => {
    const before = numbers(-DAY / 4, -3.5 * DAY, Number.NaN)
    const features = await encodeColumn('datetime', [before, numbers(-DAY / 4, 1e300, Number.NaN)])
    expect(features['x is missing']).toEqual([0, 1, 1])
    // 1969-12-31 18:00, a Wednesday
    expect(features['x time of day (sin)']?.[0]).toBeCloseTo(-1, 5)
    expect(features['x weekday (sin)']?.[0]).toBeCloseTo(Math.sin((4 * Math.PI) / 7), 5)
  })
})
