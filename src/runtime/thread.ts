// One worker thread and the two shared areas that belong to it. A thread is asked to end, never terminated: the engine
// aborts the whole process when its native code returns into a terminated thread.
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { Areas } from './areas.ts'
import { type Area, openArea } from './packet.ts'
import {
  AREA_BYTES,
  END,
  type FromWorker,
  IN_AREA,
  IN_LAST_AREA,
  KEPT_AREA_BYTES,
  type LoadOrder,
  type ThreadSetup,
  type ToWorker,
  type UnloadOrder,
  type WorkerSetup,
} from './protocol.ts'

export interface ThreadEvents {
  message(message: FromWorker): void
  /** The thread is gone; `error` is what killed it, null when it was asked to end. */
  exit(error: Error | null): void
}

/** What sits in a seat: a thread, or a process of its own (see `start-process.ts`). */
export interface Thread {
  /** Where a request of so many bytes is to be written; one at a time. */
  areaFor(bytes: number): Area
  readonly answer: Area
  send(order: LoadOrder | UnloadOrder, transfer?: readonly ArrayBuffer[]): void
  /** Runs the packet in the first `bytes` of an area from `areaFor`. */
  run(area: Area, bytes: number): void
  /** Hears at once what has been said, in place of at the end of the event loop's turn; absent where that cannot be. */
  hear?(): void
  /** A thread is asked to end after the run in hand, which may be never, and is no longer waited for; a process is killed. */
  end(): void
}

/** It makes little garbage of its own, and would let it grow for long. */
const YOUNG_MB = 6

export type StartThread = (gpu: WorkerSetup['gpu'], events: ThreadEvents) => Thread

/** The sources run as they are, the build runs its own output: the entry has this file's extension. */
const ENTRY = import.meta.url.endsWith('.ts')
  ? new URL('./worker.ts', import.meta.url)
  : new URL('./worker.js', import.meta.url)

export const startThread: StartThread = (gpu, events) => {
  const { port1: port, port2 } = new MessageChannel()
  const setup: ThreadSetup = {
    port: port2,
    request: new SharedArrayBuffer(AREA_BYTES),
    answer: new SharedArrayBuffer(AREA_BYTES),
    gpu,
  }
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB }
  const worker = new Worker(ENTRY, { workerData: setup, transferList: [port2], name: 'model', resourceLimits })
  const post = (order: ToWorker, transfer?: readonly ArrayBuffer[]) => worker.postMessage(order, transfer)
  let failure: Error | null = null
  port.on('message', (message: FromWorker) => events.message(message))
  // The thread itself keeps the process alive.
  port.unref()
  const hear = () => {
    for (let one = receiveMessageOnPort(port); one; one = receiveMessageOnPort(port)) events.message(one.message)
  }
  worker.on('error', (error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error))
  })
  worker.on('exit', () => {
    hear()
    port.close()
    events.exit(failure)
  })
  const requests = new Areas(setup.request)
  return {
    areaFor: (bytes) => requests.of(bytes),
    answer: openArea(setup.answer),
    send: post,
    run: orderer(setup.request, post),
    hear,
    end: () => {
      worker.unref()
      post(END)
    },
  }
}

/** An area is sent once, if it may come again; after that a number says which it is. */
function orderer(usual: SharedArrayBuffer, post: (order: ToWorker) => void): Thread['run'] {
  let last: SharedArrayBuffer | undefined
  return ({ buffer }) => {
    if (buffer === usual) return post(IN_AREA)
    if (buffer === last) return post(IN_LAST_AREA)
    if (buffer.byteLength <= KEPT_AREA_BYTES) last = buffer
    post(buffer)
  }
}
