// Every feature of the training matrix as bytes. A number has bins between bounds and, where training had gaps, one bin above
// them for missing values; a category has a bin of its own as long as there are bins, the rarest share the last one.
import { seededRandom } from '../../../core/random.ts'
import type { FeatureInfo } from '../../features.ts'
import type { Matrix, SparseMatrix } from '../../matrix.ts'
import { binBounds, MAX_BINS } from './bounds.ts'
import { placeFloats, sortFloats } from './sort-floats.ts'

export interface NumberBins {
  readonly kind: 'number'
  readonly bounds: Float32Array
  /** All bins, that of missing values included. */
  readonly count: number
  /** The bin of missing values, the last; -1 where training had none. */
  readonly missing: number
}

export interface CategoryBins {
  readonly kind: 'category'
  /** Category of each bin that has one of its own. */
  readonly categories: Int32Array
  /** One more than `categories` where some share the last bin, which no split can name. */
  readonly count: number
}

export type FeatureBins = NumberBins | CategoryBins

export interface BinningOptions {
  readonly maxBins: number
  readonly minRowsPerBin: number
  readonly seed: number
}

export interface BinnedFeature {
  readonly bins: FeatureBins
  /** The bin of each row. */
  readonly column: Uint8Array
}

/** More rows than this say nothing new about where the quantiles are. */
const SAMPLE_ROWS = 200_000

/** The features one after the other; a column is overwritten by the next one. */
export function* binFeatures(
  matrix: Matrix,
  features: readonly FeatureInfo[],
  options: BinningOptions,
): Generator<BinnedFeature> {
  const sample = sampleRows(matrix.rows, options.seed)
  const values = new Float32Array(matrix.rows)
  const read = matrix.form === 'csr' ? sparseColumns(matrix) : denseColumns(matrix)
  const column = new Uint8Array(matrix.rows)
  for (const [feature, { kind }] of features.entries()) {
    read(feature, values)
    const bins = kind === 'category' ? categoryBins(values) : numberBins(values, sample, options)
    if (bins.kind === 'category') placeCategories(values, bins, column)
    else placeFloats(values, bins.bounds, { into: column, missing: bins.missing })
    yield { bins, column }
  }
}

function numberBins(
  values: Float32Array,
  sample: Uint32Array | undefined,
  { maxBins, minRowsPerBin }: BinningOptions,
): NumberBins {
  let gaps = 0
  for (let row = 0; row < values.length; row++) gaps += Number.isNaN(values[row]) ? 1 : 0
  const missing = gaps > 0 ? 1 : 0
  const present = presentValues(values, sample)
  const bounds = binBounds(sortFloats(present), { maxBins: Math.min(maxBins, MAX_BINS - missing), minRowsPerBin })
  const own = bounds.length + 1
  return { kind: 'number', bounds, count: own + missing, missing: missing ? own : -1 }
}

function categoryBins(values: Float32Array): CategoryBins {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  const known = [...counts].filter(([category]) => category >= 0)
  const byUse = known.sort(([a, m], [b, n]) => n - m || a - b).map(([category]) => category)
  const shared = byUse.length > MAX_BINS || known.length < counts.size
  const categories = Int32Array.from(byUse.slice(0, shared ? MAX_BINS - 1 : MAX_BINS))
  return { kind: 'category', categories, count: categories.length + Number(shared) }
}

/** Ascending; undefined for all. */
function sampleRows(rows: number, seed: number): Uint32Array | undefined {
  if (rows <= SAMPLE_ROWS) return undefined
  const random = seededRandom(seed)
  const step = rows / SAMPLE_ROWS
  return Uint32Array.from({ length: SAMPLE_ROWS }, (_, i) => Math.min(rows - 1, Math.floor((i + random.next()) * step)))
}

type ReadColumn = (feature: number, into: Float32Array) => void

/** A row lies in one or two cache lines, which hold several columns: reading them together reads the table less often. */
const COLUMNS_AT_ONCE = 8

function denseColumns({ cols, rows, values }: Matrix): ReadColumn {
  const block = new Float32Array(rows * Math.min(COLUMNS_AT_ONCE, cols))
  let first = Number.NEGATIVE_INFINITY
  return (feature, into) => {
    if (feature < first || feature >= first + COLUMNS_AT_ONCE) {
      first = feature
      const count = Math.min(COLUMNS_AT_ONCE, cols - first)
      for (let row = 0; row < rows; row++) {
        for (let j = 0; j < count; j++) block[j * rows + row] = values[row * cols + first + j]!
      }
    }
    const from = (feature - first) * rows
    into.set(block.subarray(from, from + rows))
  }
}

function sparseColumns({ rows: count, cols, offsets, indices, values }: SparseMatrix): ReadColumn {
  const starts = new Uint32Array(cols + 1)
  for (const column of indices) starts[column + 1]!++
  for (let j = 0; j < cols; j++) starts[j + 1]! += starts[j]!
  const next = starts.slice()
  const rows = new Uint32Array(indices.length)
  const sorted = new Float32Array(indices.length)
  for (let row = 0; row < count; row++) {
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++) {
      const at = next[indices[i]!]!++
      rows[at] = row
      sorted[at] = values[i]!
    }
  }
  return (feature, into) => {
    into.fill(0)
    for (let i = starts[feature]!; i < starts[feature + 1]!; i++) into[rows[i]!] = sorted[i]!
  }
}

/** A copy without gaps of the sampled values, or of all. */
function presentValues(values: Float32Array, sample: Uint32Array | undefined): Float32Array {
  const present = new Float32Array(sample?.length ?? values.length)
  let count = 0
  for (let i = 0; i < present.length; i++) {
    const value = values[sample ? sample[i]! : i]!
    if (!Number.isNaN(value)) present[count++] = value
  }
  return present.subarray(0, count)
}

function placeCategories(values: Float32Array, { categories, count }: CategoryBins, into: Uint8Array): void {
  const places = new Map(Array.from(categories, (category, bin) => [category, bin]))
  for (let row = 0; row < values.length; row++) into[row] = places.get(values[row]!) ?? count - 1
}
