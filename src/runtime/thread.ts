// One worker thread and the two shared areas that belong to it. A thread is used once: after a crash or an overlong
// run its seat gets another, and this one reports nothing more but its end.
import { Worker } from 'node:worker_threads'
import { type Area, openArea } from './packet.ts'
import { AREA_BYTES, type FromWorker, type ToWorker, type WorkerSetup } from './protocol.ts'

export interface ThreadEvents {
  message(message: FromWorker): void
  /** The thread is gone; `error` is what killed it, null when it was asked to end. */
  exit(error: Error | null): void
}

export interface Thread {
  readonly request: Area
  readonly answer: Area
  send(order: ToWorker): void
  /** Ends the thread. One stuck in native code ends when that returns, which may be never: do not wait for ever. */
  stop(): Promise<void>
}

/** The sources run as they are, the build runs its own output: the entry has this file's extension. */
const ENTRY = import.meta.url.endsWith('.ts')
  ? new URL('./worker.ts', import.meta.url)
  : new URL('./worker.js', import.meta.url)

export function startThread(gpu: WorkerSetup['gpu'], events: ThreadEvents): Thread {
  const setup: WorkerSetup = {
    request: new SharedArrayBuffer(AREA_BYTES),
    answer: new SharedArrayBuffer(AREA_BYTES),
    gpu,
  }
  const worker = new Worker(ENTRY, { workerData: setup, name: 'model' })
  let failure: Error | null = null
  worker.on('message', (message: FromWorker) => events.message(message))
  worker.on('messageerror', (error: Error) => {
    failure = error
    void worker.terminate()
  })
  worker.on('error', (error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error))
  })
  worker.on('exit', () => events.exit(failure))
  return {
    request: openArea(setup.request),
    answer: openArea(setup.answer),
    send: (order) => worker.postMessage(order),
    stop: async () => {
      worker.unref()
      await worker.terminate()
    },
  }
}
