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

export function createEmbeddedServer(options: WorkerOptions): EmbeddedServer {
  const waiting: Guest[] = []
  let running: { readonly worker: Worker; readonly ready: Promise<void> } | undefined
  let current: Guest | undefined
  let session = 0
  let resetting = false
  let closing = false

  function post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    running?.worker.postMessage(message, transfer)
  }

  function start(): Promise<void> {
    if (running !== undefined) return running.ready
    const worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: options,
      execArgv: [],
    })
    const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
    ready.catch(() => {}) // every guest that waits for it is told
    const stopped = (error: Error) => {
      reject(error)
      if (running?.worker === worker) crashed(error)
    }
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'ready') resolve()
      else if (message.kind === 'failed') stopped(unavailable(message.message))
      else received(message)
    })
    worker.on('error', (error) => stopped(unavailable(error.message)))
    worker.on('exit', () => stopped(unavailable('its thread ended')))
    running = { worker, ready }
    return ready
  }

  function received(message: FromWorker): void {
    if (message.kind === 'bytes' && message.session === session && !resetting) current?.received(message.bytes)
    if (message.kind === 'reset' && message.session === session) {
      resetting = false
      current = undefined
      next()
    }
  }

  /** PostgreSQL recovers from its log at the next start, which the next guest causes. */
  function crashed(error: Error): void {
    void running?.worker.terminate()
    running = undefined
    resetting = false
    const guests = [current, ...waiting.splice(0)]
    current = undefined
    if (!closing) for (const guest of guests) guest?.lost(error)
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
      resetting = true
      post({ kind: 'reset', session })
    },
    async close() {
      closing = true
      if (running === undefined) return
      const { worker, ready } = running
      await ready.catch(() => {})
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
      running = undefined
      await worker.terminate()
    },
  }
}

function unavailable(reason: string): Error {
  return fail('unavailable', 'DATABASE_UNAVAILABLE', `The embedded database stopped: ${reason}`, {
    retryAfterSeconds: 1,
  })
}
