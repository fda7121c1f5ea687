// A feature of the training matrix as bytes. A number has bins between bounds and, where training had gaps, one bin above
// them for missing values; a category has a bin of its own as long as there are bins, the rarest share the last one.
import { seededRandom } from '../../../core/random.ts'
import type { FeatureInfo } from '../../features.ts'
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

/** More rows than this say nothing new about where the quantiles are. */
const SAMPLE_ROWS = 200_000

export type BinColumn = (kind: FeatureInfo['kind'], values: Float32Array, into: Uint8Array) => FeatureBins

/** What sorts one feature after the other of a table with so many rows. */
export function columnBinner(rows: number, options: BinningOptions): BinColumn {
  const sample = sampleRows(rows, options.seed)
  return (kind, values, into) => {
    const bins = kind === 'category' ? categoryBins(values) : numberBins(values, sample, options)
    if (bins.kind === 'category') placeCategories(values, bins, into)
    else placeFloats(values, bins.bounds, { into, missing: bins.missing })
    return bins
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
