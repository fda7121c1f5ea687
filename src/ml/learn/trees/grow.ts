// Grows one tree: the leaf that gains most is split first (or level by level), the smaller part's histogram is built from its
// rows and the larger part's is what is left of the parent's. Histograms are kept in a fixed number of slots; a leaf whose slot
// was taken away is built again when it is split.
import { type Arena, SIDES, SPLIT_FIELDS } from './arena.ts'
import type { FeatureBins } from './binning.ts'
import { OpenLeaves, type RankedLeaf } from './open-leaves.ts'
import { leafValue, type SplitRules } from './split.ts'
import { BIN, GAIN, L2_USED, LEFT_GRADIENT, LEFT_HESSIAN, MISSING_LEFT } from './split-record.ts'
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
  readonly low: number
  readonly high: number
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

interface Candidate {
  readonly feature: number
  readonly gain: number
  readonly bin: number
  readonly missingLeft: boolean
  readonly leftGradient: number
  readonly leftHessian: number
  readonly l2: number
  readonly categorySides: Uint8Array | undefined
}

interface OpenLeaf extends Omit<SearchLeaf, 'slot' | 'from' | 'search'> {
  readonly node: number
  readonly depth: number
  slot: number
  best?: Candidate
}

interface Splittable extends RankedLeaf {
  readonly leaf: OpenLeaf
}

/** The nodes of a tree grown on the first `rows` entries of `arena.order`; node 0 is the root. */
export function growTree(growing: Growing, output: number, rows: number): GrownNode[] {
  const { arena, rules } = growing
  const slots = new Slots(arena.plan.slots)
  const nodes: GrownNode[] = []
  const open = new OpenLeaves<Splittable>(rules.policy)
  const add = (leaf: OpenLeaf) => {
    if (leaf.best) open.push({ leaf, node: leaf.node, depth: leaf.depth, gain: leaf.best.gain })
  }
  const root = { start: 0, rows, depth: 0, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }
  const sums = growing.team.sums(output, rows)
  const first = addLeaf(nodes, { ...root, ...sums, l2: rules.l2 }, rules)
  search(growing, output, [{ leaf: first, from: 'build', slots }])
  add(first)
  for (let leaves = 1; leaves < rules.maxLeaves; leaves++) {
    growing.checkStop()
    const next = open.take()
    if (!next) break
    for (const leaf of splitLeaf(growing, next.leaf, { nodes, slots, output })) add(leaf)
  }
  return nodes
}

type NewLeaf = Omit<OpenLeaf, 'node' | 'slot' | 'best'> & { readonly l2: number }

function addLeaf(nodes: GrownNode[], leaf: NewLeaf, rules: GrowRules): OpenLeaf {
  const { gradient, hessian, l2, ...place } = leaf
  const value = leafValue(gradient, hessian, { leaf, rules, l2 })
  nodes.push({ rows: place.rows, hessian, start: place.start, value, low: place.low, high: place.high })
  return { ...place, gradient, hessian, node: nodes.length - 1, slot: -1 }
}

interface Growth {
  readonly nodes: GrownNode[]
  readonly slots: Slots
  readonly output: number
}

function splitLeaf(growing: Growing, leaf: OpenLeaf, growth: Growth): OpenLeaf[] {
  const { arena, team, bins, monotone, rules } = growing
  const { nodes, slots } = growth
  const best = leaf.best!
  const sides = sidesOf(best, bins[best.feature]!)
  arena.sides.set(sides)
  const count = team.divide({ feature: best.feature, start: leaf.start, count: leaf.rows })
  const rest = { gradient: leaf.gradient - best.leftGradient, hessian: leaf.hessian - best.leftHessian }
  const bounds = childBounds(leaf, best, { rules, direction: monotone[best.feature]! })
  const depth = leaf.depth + 1
  const leftPart = { start: leaf.start, rows: count, gradient: best.leftGradient, hessian: best.leftHessian }
  const rightPart = { start: leaf.start + count, rows: leaf.rows - count, ...rest }
  const left = addLeaf(nodes, { ...leftPart, ...bounds.left, depth, l2: best.l2 }, rules)
  const right = addLeaf(nodes, { ...rightPart, ...bounds.right, depth, l2: best.l2 }, rules)
  const { feature, bin, missingLeft } = best
  nodes[leaf.node]!.split = { feature, bin, missingLeft, sides, left: left.node, right: right.node }
  const [small, large] = left.rows <= right.rows ? [left, right] : [right, left]
  const wanted = [small, large].filter((one) => isSplittable(one, rules))
  if (wanted.length === 0) slots.free(leaf)
  else if (leaf.slot >= 0 && wanted.includes(large)) {
    large.slot = leaf.slot
    slots.rename(leaf, large)
    search(growing, growth.output, [
      { leaf: small, from: 'build', slots },
      { leaf: large, from: 'rest', slots },
    ])
  } else {
    slots.free(leaf)
    search(
      growing,
      growth.output,
      wanted.map((one) => ({ leaf: one, from: 'build', slots })),
    )
  }
  return [left, right]
}

function isSplittable({ rows, depth }: OpenLeaf, { minRows, maxDepth }: GrowRules): boolean {
  return depth < maxDepth && rows >= 2 * minRows
}

interface Wanted {
  readonly leaf: OpenLeaf
  readonly from: SearchLeaf['from']
  readonly slots: Slots
}

/** Fills in the best split of each leaf. */
function search(growing: Growing, output: number, wanted: readonly Wanted[]): void {
  const { team, rules } = growing
  growing.drawFeatures?.()
  for (const { leaf, slots } of wanted)
    if (leaf.slot < 0)
      slots.take(
        leaf,
        wanted.map((one) => one.leaf),
      )
  const leaves = wanted.map(({ leaf, from }) => ({ ...leaf, from, search: isSplittable(leaf, rules) }))
  team.search({ output, leaves })
  for (const [place, { leaf, slots }] of wanted.entries()) {
    if (leaves[place]!.search) leaf.best = readBest(growing.arena, place)
    if (!leaf.best) slots.free(leaf)
  }
}

/** The feature that gains most; the first of equals. */
function readBest({ splits, categorySides, plan }: Arena, place: number): Candidate | undefined {
  let best = -1
  let gain = 0
  for (let feature = 0; feature < plan.features; feature++) {
    const own = splits[(place * plan.features + feature) * SPLIT_FIELDS + GAIN]!
    if (own > gain) {
      gain = own
      best = feature
    }
  }
  if (best < 0) return undefined
  const record = place * plan.features + best
  const field = (name: number) => splits[record * SPLIT_FIELDS + name]!
  return {
    feature: best,
    gain,
    bin: field(BIN),
    missingLeft: field(MISSING_LEFT) === 1,
    leftGradient: field(LEFT_GRADIENT),
    leftHessian: field(LEFT_HESSIAN),
    l2: field(L2_USED),
    categorySides: field(BIN) < 0 ? categorySides.slice(record * SIDES, (record + 1) * SIDES) : undefined,
  }
}

function sidesOf({ bin, missingLeft, categorySides }: Candidate, bins: FeatureBins): Uint8Array {
  if (categorySides) return categorySides
  const sides = new Uint8Array(SIDES).fill(1, 0, bin + 1)
  if (bins.kind === 'number' && bins.missing >= 0) sides[bins.missing] = Number(missingLeft)
  return sides
}

interface Bounds {
  readonly low: number
  readonly high: number
}

/** A split on a constrained feature parts the values its sides may take at the middle between them. */
function childBounds(
  leaf: OpenLeaf,
  { leftGradient, leftHessian, l2 }: Candidate,
  { rules, direction }: { rules: GrowRules; direction: number },
): { left: Bounds; right: Bounds } {
  const { low, high } = leaf
  if (direction === 0) return { left: { low, high }, right: { low, high } }
  const valuing = { leaf, rules, l2 }
  const left = leafValue(leftGradient, leftHessian, valuing)
  const right = leafValue(leaf.gradient - leftGradient, leaf.hessian - leftHessian, valuing)
  const middle = (left + right) / 2
  const below = { low, high: middle }
  const above = { low: middle, high }
  return direction > 0 ? { left: below, right: above } : { left: above, right: below }
}

/** Hands out histogram slots; when none is free, the leaf that gains least loses its own. */
class Slots {
  readonly #count: number
  #used = 0
  readonly #free: number[] = []
  readonly #owners = new Set<OpenLeaf>()

  constructor(count: number) {
    this.#count = count
  }

  take(leaf: OpenLeaf, keep: readonly OpenLeaf[]): void {
    if (this.#free.length === 0 && this.#used === this.#count) this.#evict(keep)
    leaf.slot = this.#free.pop() ?? this.#used++
    this.#owners.add(leaf)
  }

  free(leaf: OpenLeaf): void {
    if (leaf.slot < 0) return
    this.#free.push(leaf.slot)
    this.#owners.delete(leaf)
    leaf.slot = -1
  }

  /** The slot of `from` belongs to `to`, which has its number already. */
  rename(from: OpenLeaf, to: OpenLeaf): void {
    this.#owners.delete(from)
    this.#owners.add(to)
    from.slot = -1
  }

  #evict(keep: readonly OpenLeaf[]): void {
    let least: OpenLeaf | undefined
    for (const leaf of this.#owners) {
      if (!keep.includes(leaf) && (!least || leaf.best!.gain < least.best!.gain)) least = leaf
    }
    if (least) this.free(least)
  }
}
