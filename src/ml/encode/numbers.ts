// Numbers, booleans and datetimes: fills the gaps, marks them, scales in float64 and casts last. Surprising: an infinity
// counts as missing, because it is what a division by zero leaves behind and no scaling can make it finite.
import type { ContractColumn } from '../../contract/datasets.ts'
import { fail } from '../../core/failure.ts'
import type { FeatureInfo } from '../features.ts'
import type { Table } from '../table.ts'
import type { Block, DroppedColumn } from './block.ts'
import { DATE_LIMIT, type DatePart, varyingParts } from './dates.ts'
import { writeNumbers } from './number-nodes.ts'
import type { EncodingOptions } from './options.ts'

/** What fitting learned about one column; constants of the graph. */
export interface NumberFit {
  readonly column: string
  /** Takes the place of a missing value: the median of numbers and datetimes, the share of true of booleans. */
  readonly fill: number
  readonly center: number
  readonly spread: number
  /** Beyond this size a value counts as missing. */
  readonly limit: number
  /** The column's own value is a feature (it varies). */
  readonly valued: boolean
  /** "… is missing" is a feature: training had both. */
  readonly marked: boolean
  readonly parts: readonly DatePart[]
}

/** Milliseconds of a mean Gregorian year: the unit of a datetime that is not scaled. */
const YEAR_MS = 31_556_952_000

/** Encodes all numeric columns side by side: values first, then "is missing" marks, then parts of dates. */
export function fitNumbers(table: Table, columns: readonly ContractColumn[], options: EncodingOptions): Block | null {
  const fits: NumberFit[] = []
  const dropped: DroppedColumn[] = []
  for (const column of columns) {
    const fit = fitColumn(table, column, options)
    if (typeof fit === 'string') dropped.push({ column: column.name, reason: fit })
    else fits.push(fit)
  }
  const number = (column: string, name: string): FeatureInfo => ({ name, column, kind: 'number' })
  const features = [
    ...fits.filter((fit) => fit.valued).map(({ column }) => number(column, column)),
    ...fits.filter((fit) => fit.marked).map(({ column }) => number(column, `${column} is missing`)),
    ...fits.flatMap(({ column, parts }) =>
      parts.flatMap((part) =>
        options.dates === 'plain'
          ? [number(column, `${column} ${part}`)]
          : [number(column, `${column} ${part} (sin)`), number(column, `${column} ${part} (cos)`)],
      ),
    ),
  ]
  if (columns.length === 0) return null
  return {
    features,
    nonZeros: features.length,
    dropped,
    write: (graph, inputs) => ({ form: 'dense', value: writeNumbers(graph, inputs, { fits, options }) }),
  }
}

function fitColumn(
  table: Table,
  column: ContractColumn,
  options: EncodingOptions,
): NumberFit | Extract<DroppedColumn['reason'], 'constant' | 'empty'> {
  const stored = table.columns.get(column.name)
  if (stored?.form !== 'number') throw fail('internal', 'COLUMN_FORM', `Column "${column.name}" should hold numbers`)
  const limit = column.dtype === 'datetime' ? DATE_LIMIT : Number.MAX_VALUE
  const present = stored.values.filter((value) => Math.abs(value) <= limit)
  if (present.length === 0) return 'empty'
  const sorted = present.slice().sort()
  const valued = sorted[0] !== sorted[sorted.length - 1]
  const gaps = present.length < stored.values.length
  if (!valued && !gaps) return 'constant'
  const fill = column.dtype === 'boolean' ? moments(present, 0, 0).mean : median(sorted)
  const { mean, deviation } = moments(present, fill, stored.values.length - present.length)
  const scaled = options.scale === 'standard' && deviation > 0
  const unscaled = column.dtype === 'datetime' ? YEAR_MS : 1
  const kept = options.missing === 'keep'
  return {
    column: column.name,
    fill,
    center: scaled ? mean : mergesInFloat32(sorted, unscaled) ? median(sorted) : 0,
    spread: scaled ? deviation : unscaled,
    limit,
    valued: (valued && (scaled || options.scale === 'none')) || (kept && gaps),
    marked: gaps && !kept,
    parts: column.dtype === 'datetime' ? varyingParts(sorted) : [],
  }
}

/** Whether values that differ would be the same number once they are float32, as order numbers and times may. */
function mergesInFloat32(sorted: Float64Array, unit: number): boolean {
  for (let i = 1; i < sorted.length; i++) {
    const [before, value] = [sorted[i - 1]!, sorted[i]!]
    if (before !== value && Math.fround(before / unit) === Math.fround(value / unit)) return true
  }
  return false
}

function median(sorted: Float64Array): number {
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle]!
  return sorted[middle - 1]! / 2 + sorted[middle]! / 2
}

/**
 * Mean and standard deviation (divisor n, as scikit-learn's StandardScaler) of the values and `gaps` times `fill`, by
 * the corrected two-pass algorithm (Chan, Golub and LeVeque 1983). A power of two keeps 1e300 from overflowing squared.
 */
function moments(values: Float64Array, fill: number, gaps: number): { mean: number; deviation: number } {
  const count = values.length + gaps
  let largest = Math.abs(fill)
  for (const value of values) largest = Math.max(largest, Math.abs(value))
  const unit = largest === 0 ? 1 : 2 ** Math.min(1023, Math.floor(Math.log2(largest)))
  const first = values[0]! / unit
  let sum = (fill / unit - first) * gaps
  for (const value of values) sum += value / unit - first
  const shift = first + sum / count
  let rest = gaps * (fill / unit - shift)
  let squares = gaps * (fill / unit - shift) ** 2
  for (const value of values) {
    const distance = value / unit - shift
    rest += distance
    squares += distance * distance
  }
  const variance = Math.max(0, (squares - (rest * rest) / count) / count)
  return { mean: (shift + rest / count) * unit, deviation: Math.sqrt(variance) * unit }
}
