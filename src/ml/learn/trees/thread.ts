// The program of a thread that helps to grow trees: it opens the same memory, waits for the next task, does its share of it, and
// says so. It ends when it is told to.
import { parentPort, workerData } from 'node:worker_threads'
import { openArena } from './arena.ts'
import { openKernel } from './kernel-wasm.ts'
import { readTask } from './task.ts'
import { DONE, doShare, FAILED, type HelperData, ROUND } from './team.ts'

const { plan, memory, setup, share, module } = workerData as HelperData
const arena = openArena(plan, memory)
const place = { arena, setup, kernel: openKernel(arena, module) }
const { control } = arena

parentPort!.postMessage('ready')
for (let seen = 0; ; ) {
  Atomics.wait(control, ROUND, seen)
  if (Atomics.load(control, ROUND) === seen) continue
  seen = Atomics.load(control, ROUND)
  const task = readTask(arena)
  if (task.kind === 'end') break
  try {
    doShare(place, task, share)
  } catch {
    Atomics.store(control, FAILED, 1)
  }
  Atomics.add(control, DONE, 1)
  Atomics.notify(control, DONE)
}
parentPort!.close()
