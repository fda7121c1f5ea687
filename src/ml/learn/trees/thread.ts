// The program of a thread that helps to sort a table and to grow trees on it: told what is to be sorted, it takes columns until
// none is left; told what to grow on, it opens the same memory, waits for the next task, does its share of it, and says so. It ends
// when it is told to.
import { parentPort } from 'node:worker_threads'
import { openArena, openSorting } from './arena.ts'
import { helpToSort } from './bin-table.ts'
import { DONE, LOOKS, ROUND, reportFailure } from './control.ts'
import { openKernel } from './kernel-wasm.ts'
import { readTask } from './task.ts'
import { crewOf, doShare, type HelperMessage } from './team.ts'

type Told<Kind> = Extract<HelperMessage, { readonly kind: Kind }>

parentPort!.on('message', (message: HelperMessage) => {
  if (message.kind === 'sort') sort(message)
  else grow(message)
})

function sort({ plan, memory, task }: Told<'sort'>): void {
  const sorting = openSorting(plan, memory)
  try {
    parentPort!.postMessage(helpToSort(sorting, task))
  } catch (error) {
    reportFailure(sorting.control)
    throw error
  }
}

function grow({ plan, memory, setup, share, module }: Told<'grow'>): void {
  const arena = openArena(plan, memory)
  const place = { arena, setup, kernel: openKernel(arena, module) }
  const { control } = arena
  const crew = crewOf(arena, share)
  parentPort!.postMessage('ready')
  for (let seen = 0; ; ) {
    waitForTask(control, seen)
    seen = Atomics.load(control, ROUND)
    const task = readTask(arena)
    if (task.kind === 'end') break
    try {
      doShare(place, task, crew)
    } catch {
      reportFailure(control)
    }
    Atomics.add(control, DONE, 1)
    Atomics.notify(control, DONE)
  }
  parentPort!.close()
}

/** However long it takes: the thread that deals them out may be busy with the rest of a training. */
function waitForTask(control: Int32Array, seen: number): void {
  for (let looks = 0; looks < LOOKS; looks++) if (Atomics.load(control, ROUND) !== seen) return
  while (Atomics.load(control, ROUND) === seen) Atomics.wait(control, ROUND, seen)
}
