// A grown tree, laid out in shared memory, added to the scores: by several threads, each to rows of its own. `order` holds the
// rows that the tree was grown on, leaf by leaf, and behind them others that must find their leaf first.
import { type Arena, NODE_FIELDS, SIDES } from './arena.ts'
import type { Tree } from './ensemble.ts'
import type { GrownNode } from './grow.ts'
import type { Range } from './work.ts'

export interface AddTask {
  readonly output: number
  /** Of the tree. */
  readonly nodes: number
  /** Entries of `order` that the tree was grown on. */
  readonly grown: number
  /** All entries of `order` that count. */
  readonly rows: number
}

/** Fields of a node; FEATURE is -1 for a leaf. */
const FEATURE = 0
const LEFT = 1
const RIGHT = 2
const START = 3
const ROWS = 4

export function layOut({ treeNodes, treeValues, treeSides }: Arena, nodes: readonly GrownNode[], tree: Tree): void {
  treeValues.set(tree.value)
  for (const [node, { split, start, rows }] of nodes.entries()) {
    const fields = [split?.feature ?? -1, split?.left ?? -1, split?.right ?? -1, start, rows]
    treeNodes.set(fields, node * NODE_FIELDS)
    if (split) treeSides.set(split.sides, node * SIDES)
  }
}

/** @param grown, others: entries of `order`. */
export function addTree(
  { scores, order, plan, treeNodes, treeValues, treeSides, bins, stride }: Arena,
  { output, nodes }: AddTask,
  { grown, others }: { readonly grown: Range; readonly others: Range },
): void {
  const base = output * plan.rows
  for (let node = 0; node < nodes; node++) {
    const at = node * NODE_FIELDS
    if (treeNodes[at + FEATURE]! >= 0) continue
    const start = treeNodes[at + START]!
    const value = treeValues[node]!
    const to = Math.min(grown.to, start + treeNodes[at + ROWS]!)
    for (let i = Math.max(grown.from, start); i < to; i++) scores[base + order[i]!]! += value
  }
  for (let i = others.from; i < others.to; i++) {
    const row = order[i]!
    const own = row * stride
    let node = 0
    for (let feature = treeNodes[FEATURE]!; feature >= 0; feature = treeNodes[node * NODE_FIELDS + FEATURE]!) {
      const side = treeSides[node * SIDES + bins[own + feature]!]!
      node = treeNodes[node * NODE_FIELDS + (side ? LEFT : RIGHT)]!
    }
    scores[base + row]! += treeValues[node]!
  }
}
