// Where each item stands in the graph: in the leaves of the search where there are many, else simply in their order. One place
// more, behind all others, holds nothing: missing neighbours and the like point at it.
import { growLeaves } from './leaves.ts'
import type { Recommender } from './recommender.ts'

export interface Slots {
  /** Also the number of the slot that holds nothing. */
  readonly count: number
  /** Rows of a table by slot: those, the one that holds nothing, and as many more as make it whole leaves. */
  readonly rows: number
  /** Items by slot; -1 for a slot that holds none. */
  readonly items: Int32Array
  /** By item. */
  readonly slotOf: Int32Array
  readonly leaves?: {
    readonly count: number
    readonly width: number
    readonly centres: Float32Array
    readonly bias: Float32Array
  }
}

/** Up to here every item is scored: it takes less than a search saves. */
const EXACT_UP_TO = 8192

export function placeItems({ items, bias, size }: Recommender): Slots {
  const total = bias.length
  if (total <= EXACT_UP_TO) {
    const order = Int32Array.from({ length: total }, (_, item) => item)
    return { count: total, rows: total + 1, items: order, slotOf: order }
  }
  const width = size + 1
  const vectors = new Float32Array(total * width)
  for (let item = 0; item < total; item++) {
    vectors.set(items.subarray(item * size, (item + 1) * size), item * width)
    vectors[item * width + size] = bias[item]!
  }
  const leaves = growLeaves(vectors, width, 2 ** Math.round(Math.log2(2 * Math.sqrt(total))))
  const slotOf = new Int32Array(total)
  for (const [slot, item] of leaves.items.entries()) if (item >= 0) slotOf[item] = slot
  const centres = new Float32Array(leaves.count * size)
  const ofLeaf = new Float32Array(leaves.count)
  for (let leaf = 0; leaf < leaves.count; leaf++) {
    centres.set(leaves.centres.subarray(leaf * width, leaf * width + size), leaf * size)
    ofLeaf[leaf] = leaves.centres[leaf * width + size]!
  }
  return {
    count: leaves.items.length,
    rows: leaves.items.length + leaves.width,
    items: leaves.items,
    slotOf,
    leaves: { count: leaves.count, width: leaves.width, centres, bias: ofLeaf },
  }
}

/** Rows of `source` (items × size) by slot, and `empty` in slots that hold none, those behind the last one included. */
export function bySlot<T extends Float32Array | Int32Array>(slots: Slots, source: T, empty: number): T {
  const size = source.length / Math.max(1, slots.slotOf.length)
  const Type = source.constructor as new (length: number) => T
  const rows = new Type(slots.rows * size)
  rows.fill(empty)
  for (const [slot, item] of slots.items.entries()) {
    if (item >= 0) rows.set(source.subarray(item * size, (item + 1) * size), slot * size)
  }
  return rows
}
