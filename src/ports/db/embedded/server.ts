// The embedded database as a server with one connection: sockets of the `pg` driver enter one after another, and each is
// followed by a rollback and a reset, so that an abandoned transaction cannot hold up the next one.
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { fail } from '../../../core/failure.ts'
import type { FromWorker, ToWorker, WorkerOptions } from './protocol.ts'

/** The server's end of a socket. */
export interface Guest {
  /** It is this guest's turn. */
  entered(): void
  received(bytes: Uint8Array): void
  /** The server is gone. */
  lost(error: Error): void
}

export interface EmbeddedServer {
  /** Resolves when the database answers; starts it if it is not running. */
  ready(): Promise<void>
  enter(guest: Guest): void
  send(guest: Guest, bytes: Uint8Array<ArrayBuffer>): void
  leave(guest: Guest): void
  close(): Promise<void>
}

const CLOSE_TIMEOUT_MS = 10_000
/** A statement that still runs so long after its transaction was given up is stopped together with its thread. */
const RESET_TIMEOUT_MS = 10_000

/** The database lies in memory of its own; what it makes besides is garbage at once. */
const YOUNG_MB = 6

export function createEmbeddedServer(options: WorkerOptions): EmbeddedServer {
  const waiting: Guest[] = []
  let running: { readonly ready: Promise<void>; worker: Worker | undefined } | undefined
  let terminated: Promise<unknown> = Promise.resolve()
  let current: Guest | undefined
  let session = 0
  let resetting: NodeJS.Timeout | undefined
  let closing = false

  function post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    running?.worker?.postMessage(message, transfer)
  }

  function start(): Promise<void> {
    running ??= { ready: spawn(), worker: undefined }
    return running.ready
  }

  async function spawn(): Promise<void> {
    await terminated // two threads on one folder would destroy it
    const worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: options,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    const ready = Promise.withResolvers<void>()
    const stopped = (reason: string) => {
      const error = unavailable(reason)
      ready.reject(error)
      if (running?.worker === worker) crashed(error)
    }
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'ready') ready.resolve()
      else if (message.kind === 'failed') stopped(message.message)
      else received(message)
    })
    worker.on('error', (error) => stopped(error.message))
    worker.on('exit', () => stopped('its thread ended'))
    running!.worker = worker
    await ready.promise
  }

  function received(message: FromWorker): void {
    if (message.kind === 'bytes' && message.session === session && !resetting) current?.received(message.bytes)
    if (message.kind === 'reset' && message.session === session) {
      endReset()
      next()
    }
  }

  function endReset(): void {
    clearTimeout(resetting)
    resetting = undefined
    current = undefined
  }

  /** Everybody is told but whoever had left. PostgreSQL recovers from its log when the next guest starts it. */
  function crashed(error: Error): void {
    const lost = resetting ? [] : [current]
    stopThread()
    if (!closing) for (const guest of [...lost, ...waiting.splice(0)]) guest?.lost(error)
  }

  function stopThread(): void {
    terminated = running?.worker?.terminate() ?? terminated
    running = undefined
    endReset()
  }

  function next(): void {
    if (current !== undefined) return
    const guest = waiting.shift()
    if (guest === undefined) return
    current = guest
    session++
    start().then(
      () => current === guest && guest.entered(),
      () => {}, // told by `crashed`
    )
  }

  return {
    ready: start,
    enter(guest) {
      waiting.push(guest)
      next()
    },
    send(guest, bytes) {
      if (guest === current && !resetting) post({ kind: 'bytes', session, bytes }, [bytes.buffer])
    },
    leave(guest) {
      const place = waiting.indexOf(guest)
      if (place >= 0) waiting.splice(place, 1)
      if (guest !== current || resetting) return
      resetting = setTimeout(() => {
        stopThread()
        next()
      }, RESET_TIMEOUT_MS)
      post({ kind: 'reset', session })
    },
    async close() {
      closing = true
      await running?.ready.catch(() => {})
      const worker = running?.worker
      if (worker === undefined) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)
        const done = () => {
          clearTimeout(timer)
          resolve()
        }
        worker.on('message', (message: FromWorker) => message.kind === 'closed' && done())
        worker.on('exit', done)
        post({ kind: 'close' })
      })
      stopThread()
      await terminated
    },
  }
}

function unavailable(reason: string): Error {
  return fail('unavailable', 'DATABASE_UNAVAILABLE', `The embedded database stopped: ${reason}`, {
    retryAfterSeconds: 1,
  })
}
