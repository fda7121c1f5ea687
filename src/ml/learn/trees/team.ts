// Who does the steps of a training: this thread alone, or several that share them over one memory. Features and rows are dealt
// out so that every number is still computed in one order: the trees are the same for every number of threads.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Matrix } from '../../matrix.ts'
import type { BuiltModule, SharedMemory } from '../web-assembly.ts'
import { type Arena, type ArenaPlan, BLOCK_ROWS, type Sorting, type TablePlan } from './arena.ts'
import { type Found, type SortTask, sortTable } from './bin-table.ts'
import type { FeatureBins } from './binning.ts'
import { DONE, LEFT_COUNTS, MET, NEXT_LEAF, ROUND, reportFailure, waitUntil } from './control.ts'
import { type AddTask, addTree } from './scores.ts'
import { type SmallLeavesTask, splitSmallLeaves } from './small-leaves.ts'
import { type Task, writeTask } from './task.ts'
import {
  type Crew,
  computeGradients,
  type DivideTask,
  divideTogether,
  layRows,
  type SearchTask,
  searchLeaves,
  shareOf,
  sumBlocks,
  type Workplace,
  type WorkSetup,
} from './work.ts'

export interface Team {
  readonly threads: number
  /** Makes `arena.bins` of `arena.columns`. */
  rows(): void
  search(task: SearchTask): void
  /** Splits leaves that are small, and finds the best splits of their parts. */
  splitSmall(task: SmallLeavesTask): void
  /** `scale` is the boundary of the Huber loss. */
  gradients(scale: number): void
  /** Of the first `rows` entries of `arena.order`. */
  sums(output: number, rows: number): { readonly gradient: number; readonly hessian: number }
  /** Puts the rows of a leaf that go left by `arena.sides` first; how many do. */
  divide(leaf: DivideTask): number
  /** Adds the tree that is laid out in the arena to the scores. */
  add(task: AddTask): void
  end(): void
}

type Share = Omit<Crew, 'meet'>

const ALONE: Crew = { index: 0, of: 1, meet: () => {} }

export function doShare(place: Workplace, task: Task, crew: Crew): void {
  const { arena } = place
  if (task.kind === 'rows') layRows(arena, shareOf(arena.plan.rows, crew))
  if (task.kind === 'search') searchLeaves(place, task.search, crew)
  if (task.kind === 'small') splitSmallLeaves(place, task.small, crew)
  if (task.kind === 'gradients') computeGradients(place, shareOf(arena.plan.rows, crew), task.scale)
  if (task.kind === 'sums') sumBlocks(arena, task.output, task.rows)(shareOf(blocks(task.rows), crew))
  if (task.kind === 'divide') divideTogether(place, task, crew)
  if (task.kind === 'add') {
    const { grown, rows } = task.add
    const others = shareOf(rows - grown, crew)
    const own = { grown: shareOf(grown, crew), others: { from: grown + others.from, to: grown + others.to } }
    addTree(arena, task.add, own)
  }
}

const blocks = (rows: number) => Math.ceil(rows / BLOCK_ROWS)

/** A thread of a team: where all of them meet, none goes on before the last has come. */
export function crewOf({ control }: Arena, share: Share): Crew {
  let times = 0
  const meet = () => {
    times++
    const all = Math.imul(times, share.of)
    const met = () => (Atomics.load(control, MET) - all) | 0
    Atomics.add(control, MET, 1)
    if (met() === 0) Atomics.notify(control, MET)
    waitUntil(control, MET, () => met() >= 0)
  }
  return { ...share, meet }
}

/** Threads that are on their way; they help to sort the table, then with the trees. */
export type Helpers = readonly Worker[]

/** What a helper is told, one after the other. It answers the first with what it has found, the second when it is ready. */
export type HelperMessage =
  | { readonly kind: 'sort'; readonly plan: TablePlan; readonly memory: SharedMemory; readonly task: SortTask }
  | {
      readonly kind: 'grow'
      readonly plan: ArenaPlan
      readonly memory: SharedMemory
      readonly setup: WorkSetup
      readonly share: Share
      /** What `place.kernel` was made from. */
      readonly module: BuiltModule
    }

/** The sources run as they are, the build runs its own output: the entry has this file's extension. */
const ENTRY = import.meta.url.endsWith('.ts')
  ? new URL('./thread.ts', import.meta.url)
  : new URL('./thread.js', import.meta.url)

export function startHelpers(threads: number): Helpers {
  return Array.from({ length: threads - 1 }, () => new Worker(ENTRY, { name: 'trees' }))
}

export async function endHelpers(helpers: Helpers): Promise<void> {
  await Promise.all(helpers.map((worker) => worker.terminate()))
}

/** The bins of every feature, their columns in `sorting`. Helpers join in when they are up. */
export async function sortTogether(
  matrix: Matrix,
  { sorting, helpers, task }: { readonly sorting: Sorting; readonly helpers: Helpers; readonly task: SortTask },
): Promise<FeatureBins[]> {
  const { plan, memory } = sorting
  for (const worker of helpers) tell(worker, { kind: 'sort', plan, memory, task })
  const own = sortTable(matrix, sorting, task)
  const answers = (await Promise.all(helpers.map((worker) => once(worker, 'message')))) as [Found][]
  const found = new Map([own, ...answers.map(([one]) => one)].flatMap((one) => [...one]))
  return Array.from({ length: plan.features }, (_, feature) => found.get(feature)!)
}

export async function openTeam(place: Workplace, helpers: Helpers, module: BuiltModule): Promise<Team> {
  if (helpers.length === 0) return team(place, (task) => doShare(place, task, ALONE), 0)
  const of = helpers.length + 1
  const { arena, setup } = place
  for (const [i, worker] of helpers.entries()) {
    const share = { index: i + 1, of }
    tell(worker, { kind: 'grow', plan: arena.plan, memory: arena.memory, setup, share, module })
  }
  await Promise.all(helpers.map((worker) => once(worker, 'message')))
  for (const worker of helpers) worker.unref()
  const crew = crewOf(arena, { index: 0, of })
  return team(place, (task) => shareOut(place, task, crew), helpers.length)
}

function tell(worker: Worker, message: HelperMessage): void {
  worker.postMessage(message)
}

/** Fewer rows than this are divided before a second thread has been told of them. */
const ROWS_TO_DIVIDE = 16_384

function team(place: Workplace, run: (task: Task) => void, helpers: number): Team {
  const { blockSums, control } = place.arena
  return {
    threads: helpers + 1,
    rows: () => run({ kind: 'rows' }),
    search: (search) => run({ kind: 'search', search }),
    splitSmall: (small) => run({ kind: 'small', small }),
    gradients: (scale) => run({ kind: 'gradients', scale }),
    sums: (output, rows) => {
      run({ kind: 'sums', output, rows })
      let [gradient, hessian] = [0, 0]
      for (let block = 0; block < blocks(rows); block++) {
        gradient += blockSums[2 * block]!
        hessian += blockSums[2 * block + 1]!
      }
      return { gradient, hessian }
    },
    divide: (leaf) => {
      if (helpers === 0 || leaf.count < ROWS_TO_DIVIDE) return place.kernel.divide(leaf.feature, { ...leaf, place: 0 })
      run({ kind: 'divide', ...leaf })
      return control.subarray(LEFT_COUNTS, LEFT_COUNTS + helpers + 1).reduce((sum, count) => sum + count, 0)
    },
    add: (add) => run({ kind: 'add', add }),
    end: () => run({ kind: 'end' }),
  }
}

function shareOut(place: Workplace, task: Task, crew: Crew): void {
  const { control } = place.arena
  const helpers = crew.of - 1
  writeTask(place.arena, task)
  Atomics.store(control, DONE, 0)
  Atomics.store(control, NEXT_LEAF, 0)
  Atomics.add(control, ROUND, 1)
  Atomics.notify(control, ROUND)
  if (task.kind === 'end') return
  try {
    doShare(place, task, crew)
  } catch (error) {
    reportFailure(control)
    throw error
  }
  waitUntil(control, DONE, () => Atomics.load(control, DONE) === helpers)
}
