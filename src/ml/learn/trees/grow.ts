// Grows one tree: the leaf that gains most is split first (or level by level), the smaller part's histogram is built from its
// rows and the larger part's is what is left of the parent's. Large leaves are split by all threads together, one after the other.
import type { Arena } from './arena.ts'
import type { FeatureBins } from './binning.ts'
import { type Divided, newLeaf, type OpenLeaf, partSums, partsOf, readBest, sidesOf } from './leaves.ts'
import { OpenLeaves, type RankedLeaf } from './open-leaves.ts'
import { Slots } from './slots.ts'
import type { SplitRules } from './split.ts'
import { canSplitAhead, isSmall, splitAhead } from './split-ahead.ts'
import type { Team } from './team.ts'
import type { SearchLeaf } from './work.ts'

export interface GrowRules extends SplitRules {
  readonly maxLeaves: number
  /** Infinity for no limit. */
  readonly maxDepth: number
  readonly policy: 'leafwise' | 'depthwise'
}

export interface Growing {
  readonly arena: Arena
  readonly team: Team
  readonly bins: readonly FeatureBins[]
  readonly monotone: readonly number[]
  readonly rules: GrowRules
  /** Asked between splits; throws to stop. */
  readonly checkStop: () => void
  /** Marks in `arena.active` what leaves may be split on, where that is drawn for every leaf. */
  readonly drawFeatures?: () => void
}

/** A node of a tree under construction. */
export interface GrownNode {
  readonly rows: number
  readonly hessian: number
  /** Where its rows are in `order`. */
  readonly start: number
  /** Undefined for a leaf. */
  split?: GrownSplit
  /** Of a leaf, before the learning rate. */
  value: number
}

export interface GrownSplit {
  readonly feature: number
  /** The last bin that goes left; -1 for a category split. */
  readonly bin: number
  readonly missingLeft: boolean
  /** By bin: 1 for left. */
  readonly sides: Uint8Array
  readonly left: number
  readonly right: number
}

interface Splittable extends RankedLeaf {
  readonly leaf: OpenLeaf
}

/** A tree on its way. */
interface Growth {
  readonly output: number
  readonly nodes: GrownNode[]
  readonly open: OpenLeaves<Splittable>
  readonly slots: Slots
  readonly ahead: boolean
  /** Leaves that were divided before it is their turn. */
  waiting: number
}

/** The nodes of a tree grown on the first `rows` entries of `arena.order`; node 0 is the root. */
export function growTree(growing: Growing, output: number, rows: number): GrownNode[] {
  const { arena, team, rules } = growing
  const open = new OpenLeaves<Splittable>(rules.policy)
  const slots = new Slots(arena.plan.slots)
  const growth: Growth = { output, nodes: [], open, slots, ahead: canSplitAhead(growing), waiting: 0 }
  const whole = { start: 0, rows, depth: 0, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }
  const root = newLeaf({ ...whole, ...team.sums(output, rows), l2: rules.l2 }, rules)
  search(growing, growth, [{ leaf: root, from: 'build' }])
  add(growth, root)
  for (let leaves = 1; leaves < rules.maxLeaves; leaves++) {
    growing.checkStop()
    const next = open.take()
    if (!next) break
    split(growth, next.leaf, dividedInto(growing, growth, { leaf: next.leaf, splits: rules.maxLeaves - leaves }))
  }
  return growth.nodes
}

/** Makes a leaf part of the tree. */
function add({ nodes, open }: Growth, leaf: OpenLeaf): void {
  leaf.node = nodes.length
  const { rows, hessian, start, value, node, depth, best } = leaf
  nodes.push({ rows, hessian, start, value })
  if (best) open.push({ leaf, node, depth, gain: best.gain })
}

function split(growth: Growth, leaf: OpenLeaf, { sides, left, right }: Divided): void {
  add(growth, left)
  add(growth, right)
  const { feature, bin, missingLeft } = leaf.best!
  growth.nodes[leaf.node]!.split = { feature, bin, missingLeft, sides, left: left.node, right: right.node }
}

interface Turn {
  readonly leaf: OpenLeaf
  /** That may still be made, this one among them. */
  readonly splits: number
}

function dividedInto(growing: Growing, growth: Growth, { leaf, splits }: Turn): Divided {
  if (leaf.divided) growth.waiting--
  else if (growth.ahead && isSmall(leaf)) {
    const room = Math.min(splits, growing.arena.plan.ahead - growth.waiting)
    const leaves = [leaf, ...nextSmall(growth, room - 1)]
    if (leaves.length > 1) splitAhead(growing, leaves, growth)
    growth.waiting += leaves.length - 1
  }
  return leaf.divided ?? divide(growing, growth, leaf)
}

/** Of the leaves whose turn is next, those that are small; at most `count`. */
function nextSmall({ open }: Growth, count: number): OpenLeaf[] {
  const looked: Splittable[] = []
  while (looked.length < count) {
    const one = open.take()
    if (!one) break
    looked.push(one)
  }
  for (const one of looked) open.push(one)
  return looked.map(({ leaf }) => leaf).filter(isSmall)
}

/** By all threads together. */
function divide(growing: Growing, growth: Growth, leaf: OpenLeaf): Divided {
  const { arena, team, bins, monotone, rules } = growing
  const { slots } = growth
  const best = leaf.best!
  const sides = sidesOf(best, bins[best.feature]!)
  arena.sides.set(sides)
  const count = team.divide({ feature: best.feature, start: leaf.start, count: leaf.rows })
  const sums = partSums(leaf, best, { rules, direction: monotone[best.feature]! })
  const { left, right } = partsOf(leaf, sums, { count, rules })
  const [small, large] = left.rows <= right.rows ? [left, right] : [right, left]
  const wanted = [small, large].filter((one) => isSplittable(one, rules))
  if (wanted.length === 0) slots.free(leaf)
  else if (leaf.slot >= 0 && wanted.includes(large)) {
    slots.rename(leaf, large)
    search(growing, growth, [
      { leaf: small, from: 'build' },
      { leaf: large, from: 'rest' },
    ])
  } else {
    slots.free(leaf)
    search(
      growing,
      growth,
      wanted.map((one) => ({ leaf: one, from: 'build' })),
    )
  }
  return { sides, left, right }
}

function isSplittable({ rows, depth }: OpenLeaf, { minRows, maxDepth }: GrowRules): boolean {
  return depth < maxDepth && rows >= 2 * minRows
}

interface Wanted {
  readonly leaf: OpenLeaf
  readonly from: SearchLeaf['from']
}

/** Fills in the best split of each leaf. */
function search(growing: Growing, { output, slots }: Growth, wanted: readonly Wanted[]): void {
  const { team, rules, arena } = growing
  growing.drawFeatures?.()
  const all = wanted.map(({ leaf }) => leaf)
  for (const leaf of all) if (leaf.slot < 0) slots.take(leaf, all)
  const leaves = wanted.map(({ leaf, from }) => ({ ...leaf, from, search: isSplittable(leaf, rules) }))
  team.search({ output, leaves })
  for (const [place, leaf] of all.entries()) {
    if (leaves[place]!.search) leaf.best = readBest(arena, place)
    if (!leaf.best) slots.free(leaf)
  }
}
