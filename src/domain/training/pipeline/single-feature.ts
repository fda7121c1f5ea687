// The simplest model of one column: the mean of the target in each of its values, or in each of about fifty ranges of
// numbers (a straight line within them). Good enough to notice that a column gives the answer away.
import type { Column } from '../../../ml/table.ts'
import { cellOf } from './cells.ts'

const RANGES = 50
/** Rows of the overall mean that are mixed into the mean of each value: a value of one row must not know its target. */
const SMOOTHING = 1

export function fitSingle(column: Column, target: Float64Array): (column: Column, row: number) => number {
  const mean = target.reduce((sum, value) => sum + value, 0) / target.length
  const key = column.form === 'number' ? rangeOf(column.values) : undefined
  const sums = new Map<unknown, Sum>()
  for (let row = 0; row < target.length; row++) {
    const value = cellOf(column, row)
    const at = typeof value === 'number' && key ? key(value) : value
    const sum = sums.get(at) ?? { rows: 0, y: 0, x: 0, xx: 0, xy: 0 }
    const x = typeof value === 'number' ? value : 0
    const y = target[row]!
    sums.set(at, { rows: sum.rows + 1, y: sum.y + y, x: sum.x + x, xx: sum.xx + x * x, xy: sum.xy + x * y })
  }
  return (other, row) => {
    const value = cellOf(other, row)
    const sum = sums.get(typeof value === 'number' && key ? key(value) : value)
    if (!sum) return mean
    if (typeof value === 'number') return line(sum, value)
    return (sum.y + SMOOTHING * mean) / (sum.rows + SMOOTHING)
  }
}

interface Sum {
  readonly rows: number
  readonly y: number
  readonly x: number
  readonly xx: number
  readonly xy: number
}

/** Least squares through the rows of a range. */
function line({ rows, x, y, xx, xy }: Sum, value: number): number {
  const spread = xx - (x * x) / rows
  const slope = spread > 1e-9 * Math.abs(xx) ? (xy - (x * y) / rows) / spread : 0
  return y / rows + slope * (value - x / rows)
}

/** Ranges of about equally many rows. */
function rangeOf(values: Float64Array): (value: number) => number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort()
  const ranges = Math.min(RANGES, Math.max(1, Math.floor(sorted.length / 10)))
  const edges = Float64Array.from(
    { length: ranges - 1 },
    (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / ranges)]!,
  )
  return (value) => {
    let low = 0
    let high = edges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (edges[middle]! <= value) low = middle + 1
      else high = middle
    }
    return low
  }
}
