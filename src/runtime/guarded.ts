// The runtime of the service: models made here run in threads, those of strangers each in a process of its own.
import { IsolatedModels, type IsolatedModelsOptions } from './isolated-models.ts'
import { openRuntime } from './open.ts'
import type { Runtime } from './types.ts'

export type GuardedOptions = IsolatedModelsOptions

export function openGuardedRuntime(options: GuardedOptions): Runtime {
  const threads = openRuntime(options)
  const isolated = new IsolatedModels(options)
  return {
    load: (spec) => (spec.isolated ? isolated.load(spec) : threads.load(spec)),
    // Those that serve whatever comes; a process serves its one model.
    get workers() {
      return threads.workers
    },
    status() {
      const inside = threads.status()
      const processes = isolated.statuses()
      const sum = (of: (status: typeof inside) => number) =>
        processes.reduce((total, one) => total + of(one), of(inside))
      return {
        workers: inside.workers,
        busy: sum(({ busy }) => busy),
        queued: sum(({ queued }) => queued),
        models: [inside, ...processes].flatMap(({ models }) => models),
        gpuAvailable: inside.gpuAvailable,
        memoryBytes: sum(({ memoryBytes }) => memoryBytes),
        replaced: sum(({ replaced }) => replaced),
        recycled: inside.recycled,
        abandoned: sum(({ abandoned }) => abandoned),
      }
    },
    async close() {
      await Promise.all([threads.close(), isolated.close()])
    },
  }
}
