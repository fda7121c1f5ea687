// How good a forest is while it grows: every row is judged by the trees that were grown without it (Breiman's out-of-bag
// estimate), as a mean squared error of numbers or of class shares.
import type { Arena } from './arena.ts'
import { grownLeaf } from './finish-tree.ts'
import type { GrownNode } from './grow.ts'

export interface OutsideJudge {
  /** Lets a tree judge the rows it was grown without. */
  add(nodes: readonly GrownNode[], tree: { readonly output: number; readonly drawn: Uint8Array }): void
  /** Of the rows judged so far; NaN for none. */
  loss(): number
}

/** So many rows are enough for an estimate. */
const MOST_ROWS = 5000

export function judgeOutside(arena: Arena, rows: Uint32Array): OutsideJudge {
  const { targets, scores, plan } = arena
  const step = Math.max(1, Math.floor(rows.length / MOST_ROWS))
  const judged = rows.filter((_, i) => i % step === 0)
  const sums = new Float64Array(judged.length * plan.outputs)
  const votes = new Uint32Array(judged.length)
  const wanted = (row: number, output: number) =>
    plan.outputs > 1 ? Number(targets[row] === output) : targets[row]! - scores[row]!
  return {
    add(nodes, { output, drawn }) {
      for (const [i, row] of judged.entries()) {
        if (drawn[row]! > 0) continue
        if (output === 0) votes[i]!++
        sums[i * plan.outputs + output]! += nodes[grownLeaf(nodes, arena, row)]!.value
      }
    },
    loss() {
      let error = 0
      let count = 0
      for (const [i, row] of judged.entries()) {
        if (votes[i] === 0) continue
        count++
        for (let k = 0; k < plan.outputs; k++) error += (sums[i * plan.outputs + k]! / votes[i]! - wanted(row, k)) ** 2
      }
      return error / count
    },
  }
}
