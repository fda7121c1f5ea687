// The program of a thread that helps to grow trees: it opens the same memory, waits for the next task, does its share of it, and
// says so. It ends when it is told to.
import { parentPort, workerData } from 'node:worker_threads'
import { openArena } from './arena.ts'
import { openKernel } from './kernel-wasm.ts'
import { readTask } from './task.ts'
import { crewOf, DONE, doShare, type HelperData, LOOKS, ROUND, reportFailure } from './team.ts'

const { plan, memory, setup, share, module } = workerData as HelperData
const arena = openArena(plan, memory)
const place = { arena, setup, kernel: openKernel(arena, module) }
const { control } = arena
const crew = crewOf(arena, share)

parentPort!.postMessage('ready')
for (let seen = 0; ; ) {
  waitForTask(seen)
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

/** However long it takes: the thread that deals them out may be busy with the rest of a training. */
function waitForTask(seen: number): void {
  for (let looks = 0; looks < LOOKS; looks++) if (Atomics.load(control, ROUND) !== seen) return
  while (Atomics.load(control, ROUND) === seen) Atomics.wait(control, ROUND, seen)
}
