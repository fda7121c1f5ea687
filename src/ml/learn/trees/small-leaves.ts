// A small leaf is too little work to be shared: telling the others of it, and finding its rows once in every thread, takes as
// long as the rest. So several small leaves are split at once, each by one thread from its rows to the best splits of its parts.
import { NEXT_LEAF } from './control.ts'
import type { PartSums } from './leaves.ts'
import { type Crew, searchFeatures, type Workplace } from './work.ts'

/** Its sides are in `arena.sides`, at its place among those that are split at once. */
export interface SmallLeaf {
  readonly feature: number
  readonly start: number
  readonly rows: number
  /** Holds its histogram, and in the end that of its larger part. */
  readonly slot: number
  /** For the histogram of the smaller part. */
  readonly spare: number
  /** Whether its parts may be split, if they have the rows. */
  readonly deeper: boolean
  readonly left: PartSums
  readonly right: PartSums
}

export interface SmallLeavesTask {
  readonly output: number
  /** The largest first, so that no thread is left with one when the others are done. */
  readonly leaves: readonly SmallLeaf[]
}

/** Of its two places the first is for the left part. */
export const placeOf = (at: number, side: 'left' | 'right') => 2 * at + Number(side === 'right')

/** Each thread takes the next leaf that nobody has taken. How many rows go left is written to `arena.lefts`. */
export function splitSmallLeaves(place: Workplace, { output, leaves }: SmallLeavesTask, { index }: Crew): void {
  const { control, lefts } = place.arena
  for (;;) {
    const at = Atomics.add(control, NEXT_LEAF, 1)
    const leaf = leaves[at]
    if (!leaf) return
    lefts[at] = split(place, leaf, { output, at, thread: index })
  }
}

interface Where {
  readonly output: number
  readonly at: number
  readonly thread: number
}

function split({ arena, kernel, setup }: Workplace, leaf: SmallLeaf, { output, at, thread }: Where): number {
  const { feature, start, rows, slot, spare } = leaf
  const all = { from: 0, to: arena.plan.features }
  const count = kernel.divide(feature, { start, count: rows, place: at })
  const left = { ...leaf.left, start, rows: count }
  const right = { ...leaf.right, start: start + count, rows: rows - count }
  const [small, large] = count <= rows - count ? [left, right] : [right, left]
  const fewest = 2 * setup.rules.minRows
  if (!leaf.deeper || large.rows < fewest) return count
  kernel.histogram({ output, start: small.start, count: small.rows, slot: spare, part: thread, ...all })
  kernel.subtract({ whole: slot, part: spare }, all)
  for (const part of [left, right]) {
    if (part.rows < fewest) continue
    const own = placeOf(at, part === left ? 'left' : 'right')
    searchFeatures({ arena, kernel, setup }, { at: own, leaf: { ...part, slot: part === small ? spare : slot } }, all)
  }
  return count
}
