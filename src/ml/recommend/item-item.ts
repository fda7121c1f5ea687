// Item-item nearest neighbours (Sarwar et al. 2001; Deshpande and Karypis 2004): items are alike when the same users want
// them. The cosine is shrunk where few users have both, since two items with one common user have a cosine of 1.
import { type SparseMatrix, transpose } from './feedback.ts'

export interface ItemItemOptions {
  /** Neighbours kept an item. */
  readonly neighbours: number
  /** Added to the product of the lengths: pulls the similarity of rare items to 0. */
  readonly shrinkage: number
}

export interface Neighbours {
  /** Items × width: the most alike first; -1 where there are fewer. */
  readonly items: Int32Array
  /** Their similarities, 0 to 1. */
  readonly similarities: Float32Array
  readonly width: number
}

/** A user with more items than this says little about which of them belong together, and costs the square of it. */
const MOST_ITEMS = 500

export function itemNeighbours(preferences: SparseMatrix, options: ItemItemOptions): Neighbours {
  const { neighbours: width, shrinkage } = options
  const byItem = transpose(preferences)
  const lengths = lengthsOf(byItem)
  const items = new Int32Array(byItem.rows * width).fill(-1)
  const similarities = new Float32Array(byItem.rows * width)
  const products = new Float64Array(byItem.rows)
  for (let item = 0; item < byItem.rows; item++) {
    const touched = addProducts(preferences, byItem, { item, products })
    for (const other of touched) products[other]! /= lengths[item]! * lengths[other]! + shrinkage
    const best = touched.sort((a, b) => products[b]! - products[a]! || a - b)
    for (const [place, other] of best.slice(0, width).entries()) {
      items[item * width + place] = other
      similarities[item * width + place] = products[other]!
    }
    for (const other of touched) products[other] = 0
  }
  return { items, similarities, width }
}

function lengthsOf({ rows, starts, values }: SparseMatrix): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    let squares = 0
    for (let at = starts[row]!; at < starts[row + 1]!; at++) squares += values[at]! ** 2
    return Math.sqrt(squares)
  })
}

interface Products {
  readonly item: number
  /** Zeros; afterwards the inner product with `item` for every item returned. */
  readonly products: Float64Array
}

function addProducts(preferences: SparseMatrix, byItem: SparseMatrix, { item, products }: Products): number[] {
  const touched: number[] = []
  for (let at = byItem.starts[item]!; at < byItem.starts[item + 1]!; at++) {
    const user = byItem.indices[at]!
    const [from, to] = [preferences.starts[user]!, preferences.starts[user + 1]!]
    if (to - from > MOST_ITEMS) continue
    for (let cell = from; cell < to; cell++) {
      const other = preferences.indices[cell]!
      if (other === item) continue
      if (products[other] === 0) touched.push(other)
      products[other]! += byItem.values[at]! * preferences.values[cell]!
    }
  }
  return touched
}

/** Adds to `into` what the neighbours of a user's items say, weighted by what the user thinks of those. */
export function addNeighbourScores(
  { items, similarities, width }: Neighbours,
  liked: readonly (readonly [number, number])[],
  into: Float32Array,
): void {
  for (const [item, weight] of liked) {
    for (let at = item * width; at < (item + 1) * width && items[at]! >= 0; at++) {
      into[items[at]!]! += weight * similarities[at]!
    }
  }
}
