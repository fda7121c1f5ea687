// The steps of a training that threads share, each a function of the arena and of what never changes. A thread takes a range
// of features, of rows or of a leaf's parts. What is added up in which order depends on the table alone: the rows of a large
// leaf are added up in parts and the parts then joined, by one thread as by several, so every number is the same for any count.
import { type Arena, BLOCK_ROWS, SIDES, SPLIT_FIELDS } from './arena.ts'
import type { FeatureBins } from './binning.ts'
import { LEFT_COUNTS } from './control.ts'
import { type Gradients, writeGradients } from './gradients.ts'
import type { Kernel } from './kernel.ts'
import { type LeafSums, type SplitRules, searchFeature } from './split.ts'

/** What never changes during a training. */
export interface WorkSetup {
  readonly bins: readonly FeatureBins[]
  /** By feature: 1, -1 or 0. */
  readonly monotone: readonly number[]
  readonly rules: SplitRules
  readonly gradients: Gradients
}

export interface Workplace {
  readonly arena: Arena
  readonly setup: WorkSetup
  readonly kernel: Kernel
}

/** A thread's place among those that do a step together. */
export interface Crew {
  readonly index: number
  readonly of: number
  /** Returns when all of them have come to it. */
  readonly meet: () => void
}

/** A leaf whose best split is wanted. */
export interface SearchLeaf extends LeafSums {
  readonly start: number
  readonly slot: number
  /** `build`: from its rows. `rest`: its slot holds its parent's histogram, from which the other leaf's is taken away. */
  readonly from: 'build' | 'rest'
  /** Whether it may be split at all; if not, only its histogram may be needed. */
  readonly search: boolean
}

export interface SearchTask {
  readonly output: number
  /** One leaf, or the two parts of one: the part that is built comes first. */
  readonly leaves: readonly SearchLeaf[]
}

export interface Range {
  readonly from: number
  readonly to: number
}

/** A thread's own share of so many things. */
export function shareOf(count: number, { index, of }: Pick<Crew, 'index' | 'of'>): Range {
  return { from: Math.floor((count * index) / of), to: Math.floor((count * (index + 1)) / of) }
}

/** Rows from which on a leaf is added up in two parts. */
export const ROWS_OF_TWO = 16_384
/** In four. */
const ROWS_OF_FOUR = 65_536
/** Bins of a histogram from which on a thread's features are enough work beside finding the rows. */
const MOST_BINS = 65_536

/** The most parts that are worth their memory. */
export function mostParts({ rows, bins }: Pick<Arena['plan'], 'rows' | 'bins'>): number {
  return bins > MOST_BINS ? 1 : partsOf(rows, 4)
}

function partsOf(rows: number, most: number): number {
  return Math.min(most, rows < ROWS_OF_TWO ? 1 : rows < ROWS_OF_FOUR ? 2 : 4)
}

/** Rows of bins from columns of bins, by blocks of rows that stay in the cache. */
export function layRows({ columns, bins, stride, plan: { rows, features } }: Arena, own: Range): void {
  const block = 1024
  for (let from = own.from; from < own.to; from += block) {
    const to = Math.min(own.to, from + block)
    for (let feature = 0; feature < features; feature++) {
      const base = feature * rows
      for (let row = from; row < to; row++) bins[row * stride + feature] = columns[base + row]!
    }
  }
}

/** Histograms and best splits of leaves. */
export function searchLeaves(place: Workplace, { output, leaves }: SearchTask, crew: Crew): void {
  const { arena, kernel } = place
  const features = shareOf(arena.plan.features, crew)
  for (const [at, leaf] of leaves.entries()) {
    const parts = leaf.from === 'build' ? partsOf(leaf.rows, arena.plan.parts) : 0
    // Others may still be joining the parts of the leaf before.
    if (parts > 1 && at > 0) crew.meet()
    if (parts === 1)
      kernel.histogram({ output, start: leaf.start, count: leaf.rows, slot: leaf.slot, part: 0, ...features })
    else if (parts > 1) buildParts(place, { output, leaf, parts }, crew)
    else kernel.subtract({ whole: leaf.slot, part: leaves[0]!.slot }, features)
    if (parts > 1) crew.meet()
    for (let part = 1; part < parts; part++) kernel.add({ whole: leaf.slot, part: partSlot(arena, part) }, features)
    if (leaf.search) searchFeatures(place, { at, leaf }, features)
  }
}

/** The first part is where the whole will be. */
function partSlot({ plan }: Arena, part: number): number {
  return plan.slots + part - 1
}

interface LeafParts {
  readonly output: number
  readonly leaf: SearchLeaf
  readonly parts: number
}

/** Parts are dealt out, and their features among threads beyond the number of parts. */
function buildParts({ arena, kernel }: Workplace, { output, leaf, parts }: LeafParts, crew: Crew): void {
  const { features } = arena.plan
  const groups = crew.of / greatestDivisor(crew.of, parts)
  const units = shareOf(parts * groups, crew)
  for (let part = Math.floor(units.from / groups); part * groups < units.to; part++) {
    const from = Math.floor((features * Math.max(0, units.from - part * groups)) / groups)
    const to = Math.floor((features * Math.min(groups, units.to - part * groups)) / groups)
    const rows = shareOf(leaf.rows, { index: part, of: parts })
    const slot = part === 0 ? leaf.slot : partSlot(arena, part)
    kernel.histogram({ output, start: leaf.start + rows.from, count: rows.to - rows.from, from, to, slot, part })
  }
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}

/** Best splits of a leaf by each of some features. */
export function searchFeatures(
  { arena, setup, kernel }: Workplace,
  { at, leaf }: { readonly at: number; readonly leaf: LeafSums & Pick<SearchLeaf, 'slot'> },
  { from, to }: Range,
): void {
  const { offsets, histograms, plan } = arena
  const histogram = histograms.subarray(leaf.slot * 2 * plan.bins, (leaf.slot + 1) * 2 * plan.bins)
  for (let feature = from; feature < to; feature++) {
    const record = at * plan.features + feature
    if (arena.active[(at & 1) * plan.features + feature] === 0) {
      arena.splits[record * SPLIT_FIELDS] = Number.NEGATIVE_INFINITY
      continue
    }
    searchFeature({
      histogram,
      start: offsets[feature]!,
      bins: setup.bins[feature]!,
      leaf,
      rules: setup.rules,
      monotone: setup.monotone[feature]!,
      record: arena.splits,
      at: record * SPLIT_FIELDS,
      kernel,
      sides: arena.categorySides.subarray(record * SIDES, (record + 1) * SIDES),
    })
  }
}

/** Gradients of some rows, at the scores as they are. `scale` is the boundary of the Huber loss. */
export function computeGradients({ arena, setup }: Workplace, rows: Range, scale: number): void {
  writeGradients(arena, { ...setup.gradients, scale }, rows)
}

/** Sums of some blocks of the first `rows` entries of `order`. */
export function sumBlocks(
  { order, gradients, blockSums, plan }: Arena,
  output: number,
  rows: number,
): (own: Range) => void {
  return ({ from, to }) => {
    for (let block = from; block < to; block++) {
      let gradient = 0
      let hessian = 0
      for (let i = block * BLOCK_ROWS, end = Math.min(rows, i + BLOCK_ROWS); i < end; i++) {
        const at = 2 * (output * plan.rows + order[i]!)
        gradient += gradients[at]!
        hessian += gradients[at + 1]!
      }
      blockSums[2 * block] = gradient
      blockSums[2 * block + 1] = hessian
    }
  }
}

export interface DivideTask {
  readonly feature: number
  readonly start: number
  readonly count: number
}

/** Each thread parts its own rows, and when all know how many go left puts them where they belong. */
export function divideTogether({ arena, kernel }: Workplace, { feature, start, count }: DivideTask, crew: Crew): void {
  const { control, order, spare } = arena
  const own = shareOf(count, crew)
  const left = kernel.part(feature, { start: start + own.from, count: own.to - own.from })
  control[LEFT_COUNTS + crew.index] = left
  crew.meet()
  let [before, all] = [0, 0]
  for (let i = 0; i < crew.of; i++) {
    if (i < crew.index) before += control[LEFT_COUNTS + i]!
    all += control[LEFT_COUNTS + i]!
  }
  order.set(spare.subarray(start + own.from, start + own.from + left), start + before)
  let to = start + all + own.from - before
  for (let i = start + own.to - 1, end = start + own.from + left; i >= end; i--) order[to++] = spare[i]!
}
