// The steps of a training that threads share, each a function of the arena and of what never changes. A thread takes a range
// of features or of rows; every number is computed by one thread alone and in the same order, whatever their count.
import { type Arena, SIDES, SPLIT_FIELDS } from './arena.ts'
import type { FeatureBins } from './binning.ts'
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

/** Histograms and best splits of some features. */
export function searchLeaves(
  { arena, setup, kernel }: Workplace,
  { output, leaves }: SearchTask,
  features: Range,
): void {
  const { offsets, histograms, plan } = arena
  for (const [place, leaf] of leaves.entries()) {
    const { slot, start } = leaf
    if (leaf.from === 'build') kernel.histogram({ output, start, count: leaf.rows, slot, ...features })
    else kernel.subtract({ whole: slot, part: leaves[0]!.slot }, features)
    if (!leaf.search) continue
    const histogram = histograms.subarray(slot * 2 * plan.bins, (slot + 1) * 2 * plan.bins)
    for (let feature = features.from; feature < features.to; feature++) {
      const record = place * plan.features + feature
      if (arena.active[record] === 0) {
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
}

/** Gradients of some rows, at the scores as they are. `scale` is the boundary of the Huber loss. */
export function computeGradients({ arena, setup }: Workplace, rows: Range, scale: number): void {
  writeGradients(arena, { ...setup.gradients, scale }, rows)
}
