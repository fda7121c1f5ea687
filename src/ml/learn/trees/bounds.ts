// Cuts the values of a feature into at most 255 bins of about equal weight, as LightGBM's GreedyFindBin does (Ke et al. 2017):
// a value so frequent that it fills a bin gets one of its own. A bound is a float32 between two neighbouring values, so that
// comparing in 32 bits, as the model file does, puts every row on the side it was on in training.

/** Bins are bytes, and one is set aside for missing values. */
export const MAX_BINS = 255

export interface BinOptions {
  /** At most MAX_BINS, without the bin of missing values. */
  readonly maxBins: number
  readonly minRowsPerBin: number
}

/** Upper bounds of all bins but the last, ascending: bin = number of bounds below the value. `sorted` without NaN. */
export function binBounds(sorted: Float32Array, options: BinOptions): Float32Array {
  const { values, counts } = distinct(sorted)
  if (values.length < 2) return new Float32Array(0)
  const cuts =
    values.length <= options.maxBins ? cutsBetweenAll(counts, options) : cutsByWeight(counts, sorted.length, options)
  return Float32Array.from(cuts, (at) => between(values[at]!, values[at + 1]!))
}

/** Number of bounds below `value`. */
export function binOf(bounds: Float32Array, value: number): number {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (value <= bounds[middle]!) high = middle
    else low = middle + 1
  }
  return low
}

interface Distinct {
  readonly values: Float32Array
  readonly counts: Uint32Array
}

function distinct(sorted: Float32Array): Distinct {
  const values = new Float32Array(sorted.length)
  const counts = new Uint32Array(sorted.length)
  let size = 0
  for (let i = 0; i < sorted.length; i++) {
    if (size === 0 || sorted[i] !== values[size - 1]) values[size++] = sorted[i]!
    counts[size - 1]!++
  }
  return { values: values.subarray(0, size), counts: counts.subarray(0, size) }
}

/** Positions behind which to cut. */
function cutsBetweenAll(counts: Uint32Array, { minRowsPerBin }: BinOptions): number[] {
  const cuts: number[] = []
  let rows = 0
  for (let i = 0; i + 1 < counts.length; i++) {
    rows += counts[i]!
    if (rows < minRowsPerBin) continue
    cuts.push(i)
    rows = 0
  }
  return cuts
}

function cutsByWeight(counts: Uint32Array, total: number, { maxBins, minRowsPerBin }: BinOptions): number[] {
  const bins = Math.max(1, Math.min(maxBins, Math.floor(total / minRowsPerBin)))
  // What fills a bin by itself has one of its own.
  const full = total / bins
  let restBins = bins
  let restRows = total
  for (let i = 0; i < counts.length; i++) {
    const own = counts[i]!
    if (own < full) continue
    restBins--
    restRows -= own
  }
  let wanted = restRows / Math.max(1, restBins)
  const cuts: number[] = []
  let rows = 0
  for (let i = 0; i + 1 < counts.length && cuts.length < bins - 1; i++) {
    const own = counts[i]!
    rows += own
    if (own < full) {
      restRows -= own
      if (rows < wanted && (counts[i + 1]! < full || rows < Math.max(1, wanted / 2))) continue
      restBins--
    }
    cuts.push(i)
    rows = 0
    if (own < full) wanted = restRows / Math.max(1, restBins)
  }
  return cuts
}

/** A float32 that is at least `low` and below `high`: the middle where there is one. */
function between(low: number, high: number): number {
  const middle = Math.fround(low / 2 + high / 2)
  return middle >= low && middle < high ? middle : low
}
