import { describe, expect, it } from 'vitest'
import { byColumn } from './columns.ts'

describe('byColumn', () => {
  const map = { names: ['age', 'job=a', 'job=b', 'age is missing', 'city'], columns: [0, 2, 2, 0, 1] }
  const columns = ['age', 'city', 'job', 'unused']

  it('sums features into their columns and lists the greatest first', () => {
    const row = { contributions: Float64Array.of(1, 0.5, -2, 0.25, 3), features: [9, 9, 40, 1, 0, 0, 2], offset: 2 }
    const found = byColumn(map, columns, row)
    expect(found).toEqual([
      {
        column: 0,
        contribution: 1.25,
        features: [
          { feature: 'age', value: 40, contribution: 1 },
          { feature: 'age is missing', value: 0, contribution: 0.25 },
        ],
      },
      { column: 1, contribution: 3 },
      {
        column: 2,
        contribution: -1.5,
        features: [
          { feature: 'job=b', value: 0, contribution: -2 },
          { feature: 'job=a', value: 1, contribution: 0.5 },
        ],
      },
      { column: 3, contribution: 0 },
    ])
  })

  it('lists at most 20 features, and a missing one as null', () => {
    const names = Array.from({ length: 30 }, (_, i) => `text:${i}`)
    const contributions = Float64Array.from(names, (_, i) => i + 1)
    const row = { contributions, features: new Array(30).fill(Number.NaN), offset: 0 }
    const [text] = byColumn({ names, columns: new Uint32Array(30) }, ['text'], row)
    expect(text!.contribution).toBe(465)
    expect(text!.features).toHaveLength(20)
    expect(text!.features![0]).toEqual({ feature: 'text:29', value: null, contribution: 30 })
  })
})
