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
  /**
   * What it would fall to with very many such trees: without what the mean of few differs from that of many, which the spread
   * of the answers tells. Infinity where no row was judged twice.
   */
  lossOfMany(): number
}

/** So many rows are enough for an estimate. */
const MOST_ROWS = 5000

export function judgeOutside(arena: Arena, rows: Uint32Array): OutsideJudge {
  const { targets, scores, plan } = arena
  const step = Math.max(1, Math.floor(rows.length / MOST_ROWS))
  const judged = rows.filter((_, i) => i % step === 0)
  const sums = new Float64Array(judged.length * plan.outputs)
  const squares = new Float64Array(judged.length * plan.outputs)
  const votes = new Uint32Array(judged.length)
  const wanted = (row: number, output: number) =>
    plan.outputs > 1 ? Number(targets[row] === output) : targets[row]! - scores[row]!
  return {
    add(nodes, { output, drawn }) {
      for (const [i, row] of judged.entries()) {
        if (drawn[row]! > 0) continue
        if (output === 0) votes[i]!++
        const { value } = nodes[grownLeaf(nodes, arena, row)]!
        sums[i * plan.outputs + output]! += value
        squares[i * plan.outputs + output]! += value * value
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
    lossOfMany() {
      let error = 0
      let count = 0
      for (const [i, row] of judged.entries()) {
        const own = votes[i]!
        if (own < 2) continue
        count++
        for (let k = 0; k < plan.outputs; k++) {
          const mean = sums[i * plan.outputs + k]! / own
          const spread = (squares[i * plan.outputs + k]! / own - mean * mean) / (own - 1)
          error += (mean - wanted(row, k)) ** 2 - spread
        }
      }
      return count === 0 ? Number.POSITIVE_INFINITY : error / count
    },
  }
}
