// The inner loops of growing a tree, in plain TypeScript. The WebAssembly kernel does the same additions in the same order,
// so both give the same trees to the last bit.
import type { Arena } from './arena.ts'

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
}

export interface SlotRange {
  readonly from: number
  readonly to: number
}

export interface Kernel {
  /** Adds gradient and Hessian of every row of a leaf to the bins it is in. */
  histogram(arena: Arena, rows: HistogramRows): void
  /** histogram `whole` −= histogram `part`, for the bins of some features. */
  subtract(arena: Arena, slots: { readonly whole: number; readonly part: number }, features: SlotRange): void
  /** Puts the rows of a leaf that go left by `sides` before the others, both in their order; how many go left. */
  divide(arena: Arena, feature: number, leaf: { readonly start: number; readonly count: number }): number
}

export const plainKernel: Kernel = {
  histogram(arena, { output, start, count, from, to, slot }) {
    const { histograms, gradients, order, bins, offsets, plan } = arena
    const width = plan.features | 0
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
  },
  subtract({ histograms, offsets, plan }, { whole, part }, { from, to }) {
    const a = whole * 2 * plan.bins
    const b = part * 2 * plan.bins
    for (let i = 2 * offsets[from]!, end = 2 * offsets[to]!; i < end; i++) histograms[a + i]! -= histograms[b + i]!
  },
  divide({ order, spare, columns, sides, plan }, feature, { start, count }) {
    const base = feature * plan.rows
    let left = start
    let right = 0
    for (let i = start, end = start + count; i < end; i++) {
      const row = order[i]!
      const side = sides[columns[base + row]!]!
      order[left] = row
      spare[right] = row
      left += side
      right += 1 - side
    }
    order.set(spare.subarray(0, right), left)
    return left - start
  },
}
