// Losses without a curvature: a tree grown on their signs says which rows belong together, not what a leaf is worth. That is then
// a quantile of its errors. Monotone constraints part these values anew, because those of growing are in another unit.
import type { Arena } from './arena.ts'
import type { Gradients } from './gradients.ts'
import type { GrownNode } from './grow.ts'
import { leafQuantile, quantileOf } from './losses.ts'

export interface Renewal {
  readonly gradients: Gradients
  /** By feature: 1, -1 or 0. */
  readonly monotone: readonly number[]
}

interface Bounded {
  readonly node: GrownNode
  readonly low: number
  readonly high: number
}

/** The rows of the tree are in `order`, those of each node behind each other. */
export function renewLeaves(
  nodes: readonly GrownNode[],
  { scores, targets, weights, order }: Pick<Arena, 'scores' | 'targets' | 'weights' | 'order'>,
  { gradients, monotone }: Renewal,
): void {
  const at = leafQuantile(gradients)
  const [root] = nodes
  if (at === undefined || !root || root.rows === 0) return
  const errors = new Float64Array(targets.length)
  for (const row of order.subarray(root.start, root.start + root.rows)) errors[row] = targets[row]! - scores[row]!
  const best = ({ start, rows }: GrownNode, { low, high }: Pick<Bounded, 'low' | 'high'>) =>
    Math.min(high, Math.max(low, quantileOf(errors, { weights, rows: order.slice(start, start + rows), at })))
  const open: Bounded[] = [{ node: root, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { node, low, high } = next
    if (!node.split) {
      node.value = best(node, next)
      continue
    }
    const [left, right] = [nodes[node.split.left]!, nodes[node.split.right]!]
    const direction = monotone[node.split.feature]!
    if (direction === 0) {
      open.push({ node: left, low, high }, { node: right, low, high })
      continue
    }
    const middle = (best(left, next) + best(right, next)) / 2
    const [below, above] = direction > 0 ? [left, right] : [right, left]
    open.push({ node: below, low, high: middle }, { node: above, low: middle, high })
  }
}
