// Decision trees as the explanation of one needs them: splits, leaf values, and how many training rows passed each node.
// Read from a model file (read-trees.ts) or made from what was just fitted; nothing here knows which.

/** How a node asks: is the value ≤, <, ≥, >, =, ≠ the threshold, or one of a set? Numbered as ONNX numbers them. */
export const SPLIT = { leq: 0, lt: 1, gte: 2, gt: 3, eq: 4, neq: 5, member: 6 } as const

export interface ShapTree {
  /** The feature a node asks about; -1 at a leaf. Node 0 is the root. */
  readonly feature: Int32Array
  /** One of `SPLIT`. */
  readonly split: Uint8Array
  readonly threshold: Float64Array
  /** The set of a `member` node, by node. */
  readonly sets: ReadonlyMap<number, ReadonlySet<number>>
  /** 1 where a missing value (NaN) counts as a yes. */
  readonly missingYes: Uint8Array
  /** Next node after a yes and after a no. */
  readonly yes: Int32Array
  readonly no: Int32Array
  /** Training rows (or their weight) that passed a node; the cover of a node is that of its children together. */
  readonly cover: Float64Array
  /** The output all leaves add to, or null where each leaf has a value for every output. */
  readonly output: number | null
  /** Value of each leaf: [node], or [node · outputs + output] where `output` is null. */
  readonly values: Float64Array
}

/** The sum of the trees and a constant, for each output. */
export interface TreeModel {
  /** Number of features of a row. */
  readonly width: number
  readonly outputs: number
  /** The constant of each output. */
  readonly base: Float64Array
  readonly trees: readonly ShapTree[]
}

/** Whether the row goes the way of yes at an inner node. */
export function saysYes(tree: ShapTree, node: number, value: number): boolean {
  if (Number.isNaN(value)) return tree.missingYes[node] === 1
  const threshold = tree.threshold[node]!
  switch (tree.split[node]) {
    case SPLIT.leq:
      return value <= threshold
    case SPLIT.lt:
      return value < threshold
    case SPLIT.gte:
      return value >= threshold
    case SPLIT.gt:
      return value > threshold
    case SPLIT.eq:
      return value === threshold
    case SPLIT.neq:
      return value !== threshold
    default:
      return tree.sets.get(node)?.has(value) ?? false
  }
}

/** What a leaf gives to an output. */
export function leafValue({ outputs }: TreeModel, tree: ShapTree, leaf: number, output: number): number {
  if (tree.output === null) return tree.values[leaf * outputs + output]!
  return tree.output === output ? tree.values[leaf]! : 0
}

/** The model's score of one row: the constant and the leaf of every tree. `offset` is where the row begins. */
export function scoreTrees(model: TreeModel, features: ArrayLike<number>, place: { offset: number; output: number }) {
  let score = model.base[place.output]!
  for (const tree of model.trees) {
    let node = 0
    while (tree.feature[node]! >= 0) {
      const yes = saysYes(tree, node, features[place.offset + tree.feature[node]!]!)
      node = yes ? tree.yes[node]! : tree.no[node]!
    }
    score += leafValue(model, tree, node, place.output)
  }
  return score
}
