import { describe, expect, it } from 'vitest'
import { foldColumns, sparsify } from './fold.ts'
import { dense, farthest, sparse } from './testing.ts'

// Columns 0 and 3 occur in row 0 only, column 4 nowhere, column 1 in two rows, column 2 in three.
const rows = [
  [3, 1, 5, 4, 0],
  [0, 2, 6, 0, 0],
  [0, 0, 7, 0, 0],
]

describe('foldColumns', () => {
  const folded = foldColumns(sparse(dense(rows)))

  it('turns the columns of one single row into one of the same length', () => {
    expect([...folded.matrix.values].sort()).toEqual([1, 2, 5, 5, 6, 7])
    expect(folded.matrix.cols).toBe(3)
  })

  it('puts the most used column first', () => {
    expect([...folded.matrix.indices]).toEqual([1, 0, 2, 1, 0, 0])
  })

  it('unfolds weights so that every row keeps its score and the norm is the same', () => {
    const weights = Float64Array.of(0.5, -2, 3)
    const unfolded = folded.unfold(weights, 1)
    const scores = rows.map((row) => row.reduce((sum, value, j) => sum + value * unfolded[j]!, 0))
    expect(farthest(scores, [0.5 * 5 - 2 * 1 + 3 * 5, 0.5 * 6 - 2 * 2, 0.5 * 7])).toBeLessThan(1e-12)
    expect(Math.hypot(...unfolded)).toBeCloseTo(Math.hypot(...weights), 12)
  })
})

describe('sparsify', () => {
  it('leaves a well-filled matrix dense', () => {
    expect(sparsify(dense(rows))).toBeUndefined()
  })

  it('keeps every value of a mostly empty one', () => {
    const empty = dense([
      [0, 0, 2, 0],
      [0, 0, 0, 0],
      [0, 0, 0, 3],
    ])
    expect(sparsify(empty)).toEqual(sparse(empty))
  })
})
