// What the threads are to do next, as numbers in shared memory: no message is sent while a tree grows.
import type { Arena } from './arena.ts'
import type { AddTask } from './scores.ts'
import type { SmallLeaf, SmallLeavesTask } from './small-leaves.ts'
import type { SearchLeaf, SearchTask } from './work.ts'

export type Task =
  | { readonly kind: 'rows' }
  | { readonly kind: 'search'; readonly search: SearchTask }
  | { readonly kind: 'small'; readonly small: SmallLeavesTask }
  | { readonly kind: 'gradients'; readonly scale: number }
  | { readonly kind: 'sums'; readonly output: number; readonly rows: number }
  | { readonly kind: 'divide'; readonly feature: number; readonly start: number; readonly count: number }
  | { readonly kind: 'add'; readonly add: AddTask }
  | { readonly kind: 'end' }

const KINDS = ['rows', 'search', 'gradients', 'sums', 'divide', 'add', 'end', 'small'] as const
const LEAF_FIELDS = 9
const SMALL_FIELDS = 14

export function writeTask({ task }: Arena, given: Task): void {
  task[0] = KINDS.indexOf(given.kind)
  if (given.kind === 'gradients') task[1] = given.scale
  if (given.kind === 'sums') task.set([given.output, given.rows], 1)
  if (given.kind === 'divide') task.set([given.feature, given.start, given.count], 1)
  if (given.kind === 'add') {
    const { output, nodes, grown, rows } = given.add
    task.set([output, nodes, grown, rows], 1)
  }
  if (given.kind === 'small') writeSmall(task, given.small)
  if (given.kind !== 'search') return
  const { output, leaves } = given.search
  task[1] = output
  task[2] = leaves.length
  for (const [place, leaf] of leaves.entries()) {
    const { gradient, hessian, rows, low, high, start, slot, from, search } = leaf
    const fields = [gradient, hessian, rows, low, high, start, slot, Number(from === 'rest'), Number(search)]
    task.set(fields, 3 + place * LEAF_FIELDS)
  }
}

export function readTask({ task }: Arena): Task {
  const kind = KINDS[task[0]!]!
  const [a, b, c, d] = [task[1]!, task[2]!, task[3]!, task[4]!]
  if (kind === 'end' || kind === 'rows') return { kind }
  if (kind === 'gradients') return { kind, scale: a }
  if (kind === 'sums') return { kind, output: a, rows: b }
  if (kind === 'divide') return { kind, feature: a, start: b, count: c }
  if (kind === 'small') return { kind, small: readSmall(task) }
  if (kind === 'add') return { kind, add: { output: a, nodes: b, grown: c, rows: d } }
  const leaves = Array.from({ length: b }, (_, place): SearchLeaf => {
    const first = 3 + place * LEAF_FIELDS
    const [gradient, hessian, rows, low, high, start, slot, rest, search] = task.subarray(first, first + LEAF_FIELDS)
    return {
      gradient: gradient!,
      hessian: hessian!,
      rows: rows!,
      low: low!,
      high: high!,
      start: start!,
      slot: slot!,
      from: rest === 1 ? 'rest' : 'build',
      search: search === 1,
    }
  })
  return { kind, search: { output: a, leaves } }
}

function writeSmall(task: Float64Array, { output, leaves }: SmallLeavesTask): void {
  task[1] = output
  task[2] = leaves.length
  for (const [place, { feature, start, rows, slot, spare, deeper, left, right }] of leaves.entries()) {
    const parts = [left, right].flatMap(({ gradient, hessian, low, high }) => [gradient, hessian, low, high])
    task.set([feature, start, rows, slot, spare, Number(deeper), ...parts], 3 + place * SMALL_FIELDS)
  }
}

function readSmall(task: Float64Array): SmallLeavesTask {
  const leaves = Array.from({ length: task[2]! }, (_, place): SmallLeaf => {
    const first = 3 + place * SMALL_FIELDS
    const [feature, start, rows, slot, spare, deeper] = task.subarray(first, first + 6)
    const part = (at: number) => {
      const [gradient, hessian, low, high] = task.subarray(at, at + 4)
      return { gradient: gradient!, hessian: hessian!, low: low!, high: high! }
    }
    return {
      feature: feature!,
      start: start!,
      rows: rows!,
      slot: slot!,
      spare: spare!,
      deeper: deeper === 1,
      left: part(first + 6),
      right: part(first + 10),
    }
  })
  return { output: task[1]!, leaves }
}
