// The training rows in parts, to choose a strength or to calibrate on rows that were not learned from. Unlike the folds of
// an evaluation these never refuse: a class with a single row is simply unknown to the part that lacks it.
import { type Random, seededRandom, shuffle } from '../../core/random.ts'

export interface InnerFold {
  /** Ascending. */
  readonly learn: Uint32Array
  readonly judge: Uint32Array
}

export interface InnerFoldOptions {
  readonly labels?: Int32Array
  readonly seed: number
  /** Default 5. */
  readonly folds?: number
}

/** That many parts (fewer with fewer rows), each class spread over them evenly; without labels simply shuffled. */
export function innerFolds(rows: number, { labels, seed, folds = 5 }: InnerFoldOptions): InnerFold[] {
  const order = ordered(rows, labels, seededRandom(seed))
  const count = Math.min(folds, rows)
  const fold = new Uint8Array(rows)
  order.forEach((row, i) => {
    fold[row] = i % count
  })
  const all = Uint32Array.from({ length: rows }, (_, row) => row)
  return Array.from({ length: count }, (_, k) => ({
    learn: all.filter((row) => fold[row] !== k),
    judge: all.filter((row) => fold[row] === k),
  }))
}

/** Shuffled; rows of one class behind each other, so that dealing them round spreads the class. */
function ordered(rows: number, labels: Int32Array | undefined, random: Random): Uint32Array {
  const order = shuffle(
    Uint32Array.from({ length: rows }, (_, row) => row),
    random,
  )
  if (!labels) return order
  const place = new Uint32Array(rows)
  order.forEach((row, i) => {
    place[row] = i
  })
  return order.sort((a, b) => labels[a]! - labels[b]! || place[a]! - place[b]!)
}
