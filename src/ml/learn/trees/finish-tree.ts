// A grown tree as it is kept: thresholds instead of bins, float32 values.
import type { Arena } from './arena.ts'
import type { FeatureBins } from './binning.ts'
import type { Tree } from './ensemble.ts'
import type { GrownNode, GrownSplit } from './grow.ts'

export interface Finish {
  readonly bins: readonly FeatureBins[]
  readonly output: number
  /** What leaf values are multiplied by. */
  readonly rate: number
}

/** A missing value that training never saw goes where more rows went. */
export function finishTree(nodes: readonly GrownNode[], { bins, output, rate }: Finish): Tree {
  const heavier = ({ left, right }: GrownSplit) => nodes[left]!.rows >= nodes[right]!.rows
  const ints = (of: (split: GrownSplit) => number) => Int32Array.from(nodes, ({ split }) => (split ? of(split) : -1))
  return {
    output,
    feature: ints((split) => split.feature),
    threshold: Float32Array.from(nodes, ({ split }) => {
      const own = split && bins[split.feature]!
      if (!own || own.kind === 'category') return 0
      return own.bounds[split.bin] ?? Number.POSITIVE_INFINITY
    }),
    categories: nodes.map(({ split }) => split && leftCategories(split, bins[split.feature]!)),
    missingLeft: Uint8Array.from(nodes, ({ split }) => {
      const own = split && bins[split.feature]!
      if (!own || own.kind === 'category') return 0
      return Number(own.missing >= 0 ? split.missingLeft : heavier(split))
    }),
    left: ints((split) => split.left),
    right: ints((split) => split.right),
    value: Float32Array.from(nodes, ({ split, value }) => (split ? 0 : value * rate)),
    cover: Float64Array.from(nodes, ({ rows }) => rows),
  }
}

function leftCategories({ sides }: GrownSplit, bins: FeatureBins): Int32Array | undefined {
  if (bins.kind !== 'category') return undefined
  return bins.categories.filter((_, bin) => sides[bin] === 1).sort()
}

/** The leaf that a row of the table falls into. */
export function grownLeaf(nodes: readonly GrownNode[], { bins, stride }: Arena, row: number): number {
  let node = 0
  for (let split = nodes[0]!.split; split; split = nodes[node]!.split) {
    node = split.sides[bins[row * stride + split.feature]!] ? split.left : split.right
  }
  return node
}
