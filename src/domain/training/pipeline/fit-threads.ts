// A thread that fits models for a comparison, seen from the thread that compares. Matrices in shared memory are not copied on
// their way; a word of shared memory tells a learner in the middle of a fit that its time is up.
import { Worker } from 'node:worker_threads'
import type { Clock } from '../../../core/clock.ts'
import { fail } from '../../../core/failure.ts'
import { fromWire, type WireFailure } from '../../../jobs/wire.ts'
import type { Said } from './fit.ts'
import type { FitTask } from './fits.ts'

export interface FitThread {
  fit(task: FitTask): Promise<Said>
  end(): Promise<void>
}

export interface FitOrder extends Omit<FitTask, 'step' | 'deadlineMs'> {
  /** One Int32: not 0 once the time is up. */
  readonly overtime: SharedArrayBuffer
}

export type FitAnswer =
  | { readonly type: 'progress'; readonly done: number }
  | { readonly type: 'said'; readonly said: Said }
  | { readonly type: 'failure'; readonly failure: WireFailure }

/** The sources run as they are, the build runs its own output: the entry has this file's extension. */
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './fit-thread.ts' : './fit-thread.js', import.meta.url)
/** The longest a timer can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1

export function startFitThread(clock: Clock): FitThread {
  const worker = new Worker(ENTRY, { name: 'fit' })
  worker.unref()
  return {
    async fit(task) {
      const overtime = new SharedArrayBuffer(4)
      const stopWatching = watchClock(clock, task.deadlineMs, overtime)
      worker.ref()
      try {
        return await answerTo(worker, task, overtime)
      } finally {
        worker.unref()
        stopWatching()
      }
    },
    end: async () => {
      await worker.terminate()
    },
  }
}

/** Looks again when the time should be up: the clock of the comparison may go slower than timers do. */
function watchClock(clock: Clock, deadlineMs: number, overtime: SharedArrayBuffer): () => void {
  let timer: NodeJS.Timeout | undefined
  const look = () => {
    const leftMs = deadlineMs - clock.elapsedMs()
    if (leftMs <= 0) Atomics.store(new Int32Array(overtime), 0, 1)
    else timer = setTimeout(look, Math.min(MAX_TIMER_MS, Math.max(10, leftMs)))
  }
  look()
  return () => clearTimeout(timer)
}

function answerTo(worker: Worker, task: FitTask, overtime: SharedArrayBuffer): Promise<Said> {
  const { step, deadlineMs: _, ...order } = task
  return new Promise<Said>((resolve, reject) => {
    const settle = (work: () => void) => {
      worker.off('message', hear).off('error', broken).off('exit', gone)
      work()
    }
    const broken = (cause: unknown) => settle(() => reject(crash(cause)))
    const gone = () => settle(() => reject(crash(undefined)))
    const hear = (answer: FitAnswer) => {
      if (answer.type === 'said') return settle(() => resolve(answer.said))
      if (answer.type === 'failure') return settle(() => reject(fromWire(answer.failure)))
      try {
        step(answer.done)
      } catch (error) {
        // The whole training was cancelled: the thread is told, and need not be heard any more.
        Atomics.store(new Int32Array(overtime), 0, 1)
        settle(() => reject(error))
      }
    }
    worker.on('message', hear).on('error', broken).on('exit', gone)
    worker.postMessage({ ...order, overtime } satisfies FitOrder)
  })
}

function crash(cause: unknown) {
  return fail('internal', 'FIT_THREAD_FAILED', 'A thread that fits models ended without an answer', { cause })
}
