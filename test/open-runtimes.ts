// The runtimes that the tests of a file open, closed after each, and the worker threads that live meanwhile: how a test kills
// one without a hook in the runtime.
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach } from 'vitest'
import { silentLog } from '../src/core/log.ts'
import { openRuntime, type Runtime, type RuntimeOptions } from '../src/runtime/index.ts'

export interface OpenRuntimes {
  start(options?: Partial<Parameters<typeof openRuntime>[0]>): Runtime
  /** The living ones of this process, in order. */
  readonly threads: readonly Worker[]
}

export function openRuntimes(defaults: Pick<RuntimeOptions, 'workers' | 'maxQueue'>): OpenRuntimes {
  const open: Runtime[] = []
  const threads: Worker[] = []
  const onWorker = (worker: Worker) => {
    threads.push(worker)
    worker.once('exit', () => {
      const at = threads.indexOf(worker)
      if (at >= 0) threads.splice(at, 1)
    })
  }
  beforeEach(() => {
    threads.length = 0
    process.on('worker', onWorker)
  })
  afterEach(async () => {
    process.off('worker', onWorker)
    await Promise.all(open.splice(0).map((runtime) => runtime.close()))
  })
  return {
    threads,
    start(options) {
      const runtime = openRuntime({ enableGpu: false, log: silentLog, ...defaults, ...options })
      open.push(runtime)
      return runtime
    },
  }
}
