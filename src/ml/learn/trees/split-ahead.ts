// With several threads leaves are split before it is their turn, so that each thread has one for itself. What is split does not
// depend on it: leaves still come into the tree in their order, and a leaf whose turn never comes stays whole. Only then was the
// work in vain, so no more are split ahead than there may still be splits.
import type { Growing } from './grow.ts'
import { type OpenLeaf, partSums, partsOf, readBest, sidesOf } from './leaves.ts'
import type { Slots } from './slots.ts'
import { placeOf, type SmallLeaf } from './small-leaves.ts'
import { ROWS_OF_TWO } from './work.ts'

/** The smaller part of such a leaf is added up at once, whoever does it. */
const SMALL_ROWS = 2 * ROWS_OF_TWO

export function isSmall({ rows, slot, divided }: OpenLeaf): boolean {
  return rows < SMALL_ROWS && slot >= 0 && !divided
}

/** What is split ahead keeps more histograms: only where there are slots for all of them. */
export function canSplitAhead({ arena: { plan }, team, rules, drawFeatures }: Growing): boolean {
  // Features that are drawn for a leaf are drawn when it is its turn.
  return team.threads > 1 && plan.ahead > 1 && drawFeatures === undefined && plan.slots > rules.maxLeaves + plan.ahead
}

interface Ahead {
  readonly output: number
  readonly slots: Slots
}

/** Fills in what each of the leaves is divided into. */
export function splitAhead(growing: Growing, given: readonly OpenLeaf[], { output, slots }: Ahead): void {
  const { arena, team, bins, monotone, rules } = growing
  const leaves = given.toSorted((a, b) => b.rows - a.rows)
  const tasks = leaves.map((leaf, at) => {
    const best = leaf.best!
    const sides = sidesOf(best, bins[best.feature]!)
    arena.sides.set(sides, at * sides.length)
    const sums = partSums(leaf, best, { rules, direction: monotone[best.feature]! })
    const spare = slots.spare()
    const { start, rows, slot } = leaf
    const deeper = leaf.depth + 1 < rules.maxDepth
    const small: SmallLeaf = { feature: best.feature, start, rows, slot, spare, deeper, ...sums }
    return { leaf, sides, sums, small }
  })
  team.splitSmall({ output, leaves: tasks.map(({ small }) => small) })
  for (const [at, { leaf, sides, sums, small }] of tasks.entries()) {
    const parts = partsOf(leaf, sums, { count: arena.lefts[at]!, rules })
    leaf.divided = { sides, ...parts }
    const [lesser, larger] = parts.left.rows <= parts.right.rows ? [parts.left, parts.right] : [parts.right, parts.left]
    slots.rename(leaf, larger)
    slots.own(small.spare, lesser)
    for (const side of ['left', 'right'] as const) {
      const part = parts[side]
      if (small.deeper && part.rows >= 2 * rules.minRows) part.best = readBest(arena, placeOf(at, side))
      if (!part.best) slots.free(part)
    }
  }
}
