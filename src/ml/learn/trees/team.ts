// Who does the steps of a training: this thread alone, or several that share them over one memory. Features and rows are dealt
// out so that every number is still computed by one thread in one order: the trees are the same for every number of threads.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { fail } from '../../../core/failure.ts'
import type { ArenaPlan } from './arena.ts'
import type { KernelModule } from './kernel-wasm.ts'
import { type Task, writeTask } from './task.ts'
import type { SharedMemory } from './web-assembly.ts'
import { computeGradients, type Range, type SearchTask, searchLeaves, type Workplace, type WorkSetup } from './work.ts'

export interface Team {
  search(task: SearchTask): void
  /** `scale` is the boundary of the Huber loss. */
  gradients(scale: number): void
  /** Puts the rows of a leaf that go left by `arena.sides` first; how many do. */
  divide(feature: number, leaf: { readonly start: number; readonly count: number }): number
  end(): void
}

/** Which part of every step is a thread's own. */
export interface Share {
  readonly index: number
  readonly of: number
}

export interface HelperData {
  readonly plan: ArenaPlan
  readonly memory: SharedMemory
  readonly setup: WorkSetup
  readonly share: Share
  readonly module: KernelModule
}

/** Words of `arena.control`: the number of the task, how many helpers are done with it, whether one of them failed. */
export const ROUND = 0
export const DONE = 1
export const FAILED = 2

/** Far more than the largest step takes. */
const LONGEST_STEP_MS = 300_000

const WHOLE: Share = { index: 0, of: 1 }

export function doShare(place: Workplace, task: Task, share: Share): void {
  const { features, rows } = place.arena.plan
  if (task.kind === 'search') searchLeaves(place, task.search, partOf(features, share))
  if (task.kind === 'gradients') computeGradients(place, partOf(rows, share), task.scale)
}

function partOf(count: number, { index, of }: Share): Range {
  return { from: Math.floor((count * index) / of), to: Math.floor((count * (index + 1)) / of) }
}

export interface TeamOptions {
  readonly threads: number
  /** What `place.kernel` was made from. */
  readonly module: KernelModule
}

export async function openTeam(place: Workplace, { threads, module }: TeamOptions): Promise<Team> {
  const helpers = Math.min(threads, place.arena.plan.features) - 1
  if (helpers < 1) return team(place, (task) => doShare(place, task, WHOLE))
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
  return team(place, (task) => shareOut(place, task, helpers))
}

/** The sources run as they are, the build runs its own output: the entry has this file's extension. */
const ENTRY = import.meta.url.endsWith('.ts')
  ? new URL('./thread.ts', import.meta.url)
  : new URL('./thread.js', import.meta.url)

function startHelper({ arena, setup }: Workplace, share: Share, module: KernelModule): Worker {
  const workerData: HelperData = { plan: arena.plan, memory: arena.memory, setup, share, module }
  return new Worker(ENTRY, { workerData, name: 'trees' })
}

function team(place: Workplace, run: (task: Task) => void): Team {
  return {
    search: (search) => run({ kind: 'search', search }),
    gradients: (scale) => run({ kind: 'gradients', scale }),
    divide: (feature, leaf) => place.kernel.divide(feature, leaf),
    end: () => run({ kind: 'end' }),
  }
}

function shareOut(place: Workplace, task: Task, helpers: number): void {
  const { control } = place.arena
  writeTask(place.arena, task)
  Atomics.store(control, DONE, 0)
  Atomics.add(control, ROUND, 1)
  Atomics.notify(control, ROUND)
  if (task.kind === 'end') return
  doShare(place, task, { index: 0, of: helpers + 1 })
  for (let done = Atomics.load(control, DONE); done < helpers; done = Atomics.load(control, DONE)) {
    // A thread that died says nothing, and this one is blocked: it would wait for ever.
    if (Atomics.wait(control, DONE, done, LONGEST_STEP_MS) === 'timed-out') Atomics.store(control, FAILED, 1)
    if (Atomics.load(control, FAILED) !== 0) break
  }
  if (Atomics.load(control, FAILED) !== 0)
    throw fail('internal', 'TREE_THREAD_FAILED', 'A thread that grows trees failed')
}
