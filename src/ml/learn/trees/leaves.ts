// A leaf under construction: what is known of it, the split that is best for it, and the two leaves that come of that split.
import { type Arena, SIDES, SPLIT_FIELDS } from './arena.ts'
import type { FeatureBins } from './binning.ts'
import { leafValue, type SplitRules } from './split.ts'
import { BIN, GAIN, L2_USED, LEFT_GRADIENT, LEFT_HESSIAN, MISSING_LEFT } from './split-record.ts'
import type { SearchLeaf } from './work.ts'

/** A split that was found. */
export interface Candidate {
  readonly feature: number
  readonly gain: number
  readonly bin: number
  readonly missingLeft: boolean
  readonly leftGradient: number
  readonly leftHessian: number
  readonly l2: number
  readonly categorySides: Uint8Array | undefined
}

export interface OpenLeaf extends Omit<SearchLeaf, 'slot' | 'from' | 'search'> {
  /** Its number, once it is part of the tree. */
  node: number
  readonly depth: number
  /** Before the learning rate. */
  readonly value: number
  slot: number
  best?: Candidate | undefined
  /** What it was divided into, which may be known before it is its turn. */
  divided?: Divided
}

export interface Divided {
  /** By bin: 1 for left. */
  readonly sides: Uint8Array
  readonly left: OpenLeaf
  readonly right: OpenLeaf
}

export interface PartSums {
  readonly gradient: number
  readonly hessian: number
  readonly low: number
  readonly high: number
}

type NewLeaf = Omit<OpenLeaf, 'node' | 'slot' | 'best' | 'value' | 'divided'> & { readonly l2: number }

export function newLeaf({ l2, ...leaf }: NewLeaf, rules: SplitRules): OpenLeaf {
  return { ...leaf, node: -1, slot: -1, value: leafValue(leaf.gradient, leaf.hessian, { leaf, rules, l2 }) }
}

/** What is known of the parts of a leaf before its rows are divided. */
export function partSums(
  leaf: OpenLeaf,
  best: Candidate,
  { rules, direction }: { readonly rules: SplitRules; readonly direction: number },
): { readonly left: PartSums; readonly right: PartSums } {
  const bounds = childBounds(leaf, best, { rules, direction })
  const rest = { gradient: leaf.gradient - best.leftGradient, hessian: leaf.hessian - best.leftHessian }
  return {
    left: { gradient: best.leftGradient, hessian: best.leftHessian, ...bounds.left },
    right: { ...rest, ...bounds.right },
  }
}

/** The parts of a leaf whose first `count` rows go left. */
export function partsOf(
  leaf: OpenLeaf,
  { left, right }: ReturnType<typeof partSums>,
  { count, rules }: { readonly count: number; readonly rules: SplitRules },
): { readonly left: OpenLeaf; readonly right: OpenLeaf } {
  const { l2 } = leaf.best!
  const depth = leaf.depth + 1
  return {
    left: newLeaf({ ...left, start: leaf.start, rows: count, depth, l2 }, rules),
    right: newLeaf({ ...right, start: leaf.start + count, rows: leaf.rows - count, depth, l2 }, rules),
  }
}

/** The feature that gains most; the first of equals. */
export function readBest({ splits, categorySides, plan }: Arena, place: number): Candidate | undefined {
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

export function sidesOf({ bin, missingLeft, categorySides }: Candidate, bins: FeatureBins): Uint8Array {
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
  { rules, direction }: { readonly rules: SplitRules; readonly direction: number },
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
