// Who does the steps of a training: this thread alone, or several that share them over one memory. Features and rows are dealt
// out so that every number is still computed in one order: the trees are the same for every number of threads.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { fail } from '../../../core/failure.ts'
import { type Arena, type ArenaPlan, BLOCK_ROWS } from './arena.ts'
import type { KernelModule } from './kernel-wasm.ts'
import { type AddTask, addTree } from './scores.ts'
import { type Task, writeTask } from './task.ts'
import type { SharedMemory } from './web-assembly.ts'
import {
  type Crew,
  computeGradients,
  type DivideTask,
  divideTogether,
  LEFT_COUNTS,
  type SearchTask,
  searchLeaves,
  shareOf,
  sumBlocks,
  type Workplace,
  type WorkSetup,
} from './work.ts'

export interface Team {
  search(task: SearchTask): void
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

export interface HelperData {
  readonly plan: ArenaPlan
  readonly memory: SharedMemory
  readonly setup: WorkSetup
  readonly share: Share
  readonly module: KernelModule
}

/**
 * Words of `arena.control`, each in a cache line of its own: the number of the task, how many helpers are done with it, whether
 * one of them failed, how often a thread has come to where they meet. From LEFT_COUNTS on: see work.ts.
 */
export const ROUND = 0
export const DONE = 16
const FAILED = 32
const MET = 48

/** Far more than the largest step takes. */
const LONGEST_STEP_MS = 300_000

/** Looks at a word of memory before a thread goes to sleep: waking it takes as long as many a step. */
export const LOOKS = 4000

const ALONE: Crew = { index: 0, of: 1, meet: () => {} }

export function doShare(place: Workplace, task: Task, crew: Crew): void {
  const { arena } = place
  if (task.kind === 'search') searchLeaves(place, task.search, crew)
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
    if (Atomics.load(control, FAILED) !== 0) throw threadFailed()
  }
  return { ...share, meet }
}

/** Until a word of memory is as wanted, or a thread has failed. */
function waitUntil(control: Int32Array, word: number, isThere: () => boolean): void {
  for (let looks = 0; looks < LOOKS; looks++) if (isThere()) return
  for (;;) {
    const seen = Atomics.load(control, word)
    if (isThere() || Atomics.load(control, FAILED) !== 0) return
    // A thread that died says nothing, and this one is blocked: it would wait for ever.
    if (Atomics.wait(control, word, seen, LONGEST_STEP_MS) === 'timed-out') reportFailure(control)
  }
}

/** Wakes whoever waits for a thread that will not come. */
export function reportFailure(control: Int32Array): void {
  Atomics.store(control, FAILED, 1)
  for (const word of [DONE, MET]) Atomics.notify(control, word)
}

export interface TeamOptions {
  readonly threads: number
  /** What `place.kernel` was made from. */
  readonly module: KernelModule
}

export async function openTeam(place: Workplace, { threads, module }: TeamOptions): Promise<Team> {
  const helpers = Math.min(threads, place.arena.plan.features) - 1
  if (helpers < 1) return team(place, (task) => doShare(place, task, ALONE), 0)
  const workers = Array.from({ length: helpers }, (_, i) =>
    startHelper(place, { index: i + 1, of: helpers + 1 }, module),
  )
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')))
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.terminate()))
    throw error
  }
  for (const worker of workers) worker.unref()
  const crew = crewOf(place.arena, { index: 0, of: helpers + 1 })
  return team(place, (task) => shareOut(place, task, crew), helpers)
}

/** The sources run as they are, the build runs its own output: the entry has this file's extension. */
const ENTRY = import.meta.url.endsWith('.ts')
  ? new URL('./thread.ts', import.meta.url)
  : new URL('./thread.js', import.meta.url)

function startHelper({ arena, setup }: Workplace, share: Share, module: KernelModule): Worker {
  const workerData: HelperData = { plan: arena.plan, memory: arena.memory, setup, share, module }
  return new Worker(ENTRY, { workerData, name: 'trees' })
}

/** Fewer rows than this are divided before a second thread has been told of them. */
const ROWS_TO_DIVIDE = 16_384

function team(place: Workplace, run: (task: Task) => void, helpers: number): Team {
  const { blockSums, control } = place.arena
  return {
    search: (search) => run({ kind: 'search', search }),
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
      if (helpers === 0 || leaf.count < ROWS_TO_DIVIDE) return place.kernel.divide(leaf.feature, leaf)
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
  if (Atomics.load(control, FAILED) !== 0) throw threadFailed()
}

function threadFailed() {
  return fail('internal', 'TREE_THREAD_FAILED', 'A thread that grows trees failed')
}
