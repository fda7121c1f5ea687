// One worker thread and the two shared areas that belong to it. A thread is asked to end, never terminated: the engine
// aborts the whole process when its native code returns into a terminated thread.
import { Worker } from 'node:worker_threads'
import { type Area, openArea } from './packet.ts'
import { AREA_BYTES, END, type FromWorker, type ToWorker, type WorkerSetup } from './protocol.ts'

export interface ThreadEvents {
  message(message: FromWorker): void
  /** The thread is gone; `error` is what killed it, null when it was asked to end. */
  exit(error: Error | null): void
}

export interface Thread {
  readonly request: Area
  readonly answer: Area
  send(order: ToWorker, transfer?: readonly ArrayBuffer[]): void
  /** Asks the thread to end after the run in hand, which may be never. The process no longer waits for it. */
  end(): void
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
  worker.on('error', (error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error))
  })
  worker.on('exit', () => events.exit(failure))
  return {
    request: openArea(setup.request),
    answer: openArea(setup.answer),
    send: (order, transfer) => worker.postMessage(order, transfer),
    end: () => {
      worker.unref()
      worker.postMessage(END)
    },
  }
}
