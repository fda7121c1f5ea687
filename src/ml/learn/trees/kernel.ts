// The inner loops of growing a tree, in plain TypeScript. The WebAssembly kernel does the same additions in the same order,
// so both give the same trees to the last bit.
import { type Arena, SIDES } from './arena.ts'
import { BIN, GAIN, LEFT_GRADIENT, LEFT_HESSIAN, MISSING_LEFT } from './split-record.ts'

export interface HistogramRows {
  readonly output: number
  /** Where the leaf's rows are in `order`. */
  readonly start: number
  readonly count: number
  /** Features `from` to `to - 1`. */
  readonly from: number
  readonly to: number
  /** Where the histogram goes, zeroed before. */
  readonly slot: number
  /** Of the leaf's rows, from 0, or the number of the thread: what others do at the same time has another number. */
  readonly part: number
}

export interface SlotRange {
  readonly from: number
  readonly to: number
}

export interface NumberScan {
  readonly histogram: Float64Array
  /** The feature's first bin in it. */
  readonly start: number
  readonly bins: number
  /** The bin of missing values, the last; -1 for none. */
  readonly missing: number
  /** Sums of the leaf. */
  readonly gradient: number
  readonly hessian: number
  readonly l2: number
  /** Hessian each part must have. */
  readonly least: number
  /** Gain of the leaf left whole. */
  readonly whole: number
  readonly record: Float64Array
  /** Where the record starts. */
  readonly at: number
}

interface Slots {
  readonly whole: number
  readonly part: number
}

/** Where the rows of a leaf are in `order`. */
interface LeafRows {
  readonly start: number
  readonly count: number
}

interface DividedRows extends LeafRows {
  /** Whose `sides` they are: of the first leaf, or of one that is split at the same time. */
  readonly place: number
}

export interface Kernel {
  /** Adds gradient and Hessian of every row of a leaf to the bins it is in. */
  histogram(rows: HistogramRows): void
  /** histogram `whole` −= histogram `part`, for the bins of some features. */
  subtract(slots: Slots, features: SlotRange): void
  /** histogram `whole` += histogram `part`, for the bins of some features. */
  add(slots: Slots, features: SlotRange): void
  /** The best split of a number without L1 or bounds: fills in a record, but for its l2, where a gain exceeds `whole`. */
  scan(scan: NumberScan): void
  /** Puts the rows of a leaf that go left by `sides` before the others, both in their order; how many go left. */
  divide(feature: number, leaf: DividedRows): number
  /** Writes rows into their places in `spare`: those that go left from the front on, the others from the back; how many go left. */
  part(feature: number, rows: LeafRows): number
}

export const plainKernel = (arena: Arena): Kernel => ({
  histogram: (rows) => addRows(arena, rows),
  subtract: (slots, features) => subtract(arena, slots, features),
  add: (slots, features) => add(arena, slots, features),
  divide: (feature, leaf) => divide(arena, feature, leaf),
  part: (feature, rows) => part(arena, feature, rows),
  scan: scanNumbers,
})

function addRows(arena: Arena, { output, start, count, from, to, slot }: HistogramRows): void {
  const { histograms, gradients, order, bins, offsets, plan } = arena
  const width = arena.stride | 0
  const first = Math.imul(slot, 2 * plan.bins) | 0
  const ofOutput = Math.imul(output, 2 * plan.rows) | 0
  histograms.fill(0, first + 2 * offsets[from]!, first + 2 * offsets[to]!)
  const starts = new Int32Array(to - from)
  for (let j = from; j < to; j++) starts[j - from] = first + 2 * offsets[j]!
  const features = starts.length | 0
  for (let i = start | 0, end = (start + count) | 0; i < end; i = (i + 1) | 0) {
    const row = order[i]! | 0
    const at = (ofOutput + (row << 1)) | 0
    const g = gradients[at]!
    const h = gradients[(at + 1) | 0]!
    const base = row * width + from
    for (let j = 0; j < features; j = (j + 1) | 0) {
      const place = (starts[j]! + (bins[base + j]! << 1)) | 0
      histograms[place]! += g
      histograms[(place + 1) | 0]! += h
    }
  }
}

function subtract({ histograms, offsets, plan }: Arena, { whole, part }: Slots, { from, to }: SlotRange): void {
  const a = whole * 2 * plan.bins
  const b = part * 2 * plan.bins
  for (let i = 2 * offsets[from]!, end = 2 * offsets[to]!; i < end; i++) histograms[a + i]! -= histograms[b + i]!
}

function add({ histograms, offsets, plan }: Arena, { whole, part }: Slots, { from, to }: SlotRange): void {
  const a = whole * 2 * plan.bins
  const b = part * 2 * plan.bins
  for (let i = 2 * offsets[from]!, end = 2 * offsets[to]!; i < end; i++) histograms[a + i]! += histograms[b + i]!
}

function divide(
  { order, spare, columns, sides, plan }: Arena,
  feature: number,
  { start, count, place }: DividedRows,
): number {
  const base = feature * plan.rows
  const ofPlace = place * SIDES
  let left = start
  let right = start
  for (let i = start, end = start + count; i < end; i++) {
    const row = order[i]!
    const side = sides[ofPlace + columns[base + row]!]!
    order[left] = row
    spare[right] = row
    left += side
    right += 1 - side
  }
  order.set(spare.subarray(start, right), left)
  return left - start
}

function part({ order, spare, columns, sides, plan }: Arena, feature: number, { start, count }: LeafRows): number {
  const base = feature * plan.rows
  let left = start
  let right = start + count - 1
  for (let i = start, end = start + count; i < end; i++) {
    const row = order[i]!
    const side = sides[columns[base + row]!]!
    spare[left] = row
    spare[right] = row
    left += side
    right -= 1 - side
  }
  return left - start
}

/** With missing values tried on both sides. */
function scanNumbers({
  histogram,
  start,
  bins,
  missing,
  gradient,
  hessian,
  l2,
  least,
  whole,
  record,
  at,
}: NumberScan): void {
  const most = hessian - least
  const gapGradient = missing >= 0 ? histogram[2 * (start + missing)]! : 0
  const gapHessian = missing >= 0 ? histogram[2 * (start + missing) + 1]! : 0
  const end = bins - 1
  let best = whole
  let bestBin = -1
  let bestSide = 0
  let bestGradient = 0
  let bestHessian = 0
  let g = 0
  let h = 0
  for (let bin = 0, i = 2 * start; bin < end; bin++, i += 2) {
    // Without rows nothing changes, but for missing values beside the first bin.
    if (bin > 0 && histogram[i] === 0 && histogram[i + 1] === 0) continue
    g += histogram[i]!
    h += histogram[i + 1]!
    if (h >= least && h <= most) {
      const rest = gradient - g
      const gain = (g * g) / (h + l2) + (rest * rest) / (hessian - h + l2)
      if (gain > best) {
        best = gain
        bestBin = bin
        bestSide = 0
        bestGradient = g
        bestHessian = h
      }
    }
    if (missing < 0) {
      if (h > most) break
      continue
    }
    const withG = g + gapGradient
    const withH = h + gapHessian
    if (withH < least || withH > most) continue
    const rest = gradient - withG
    const gain = (withG * withG) / (withH + l2) + (rest * rest) / (hessian - withH + l2)
    if (gain > best) {
      best = gain
      bestBin = bin
      bestSide = 1
      bestGradient = withG
      bestHessian = withH
    }
  }
  if (bestBin < 0) return
  record[at + GAIN] = best - whole
  record[at + BIN] = bestBin
  record[at + MISSING_LEFT] = bestSide
  record[at + LEFT_GRADIENT] = bestGradient
  record[at + LEFT_HESSIAN] = bestHessian
}
