// Runs one piece of work in a child process, so that it can be cancelled, limited and killed even inside a synchronous loop.
// The child's side is isolated.ts. The promise settles only after the child is gone: nobody writes behind its back.
import type { ChildProcess } from 'node:child_process'
import { homedir } from 'node:os'
import { fail, MlError } from '../core/failure.ts'
import { type Log, silentLog } from '../core/log.ts'
import { type ChildLimits, startChild } from './child.ts'
import { watchMemory } from './memory-watch.ts'
import { fromWire, type ToChild, type ToParent, type WireFailure } from './wire.ts'

export interface IsolateOptions<P> {
  /** The module to run, see `entryBeside`; it must call `serveIsolated`. */
  readonly entry: URL
  /** Handed to the child by structured clone: typed arrays, NaN and Map survive. */
  readonly input: unknown
  readonly onProgress?: (progress: P) => void
  readonly signal?: AbortSignal
  readonly timeoutMs: number
  /** Limit of the JavaScript heap and, on Linux, of the whole process (resident memory). */
  readonly maxMemoryMb?: number
  /** Limits that the kernel enforces, for work that nobody here made. */
  readonly kernel?: Pick<ChildLimits, 'dataMb' | 'cpuSeconds' | 'folder'>
  readonly log?: Log
}

/** Time between the polite request to stop and SIGKILL. */
const GRACE_MS = 400
const STDERR_TAIL = 4000

/**
 * The module `name` (such as `./child`) beside the module with address `importMetaUrl`, with the same ending: `.ts` when
 * the sources are run, `.js` in `dist`.
 */
export function entryBeside(importMetaUrl: string, name: string): URL {
  return new URL(`${name}${importMetaUrl.endsWith('.ts') ? '.ts' : '.js'}`, importMetaUrl)
}

/**
 * Runs `entry` in a child process and resolves with what its work returned; an MlError thrown there is thrown here.
 * Own failures: TRAINING_CANCELLED (the signal fired; an MlError given as its reason is thrown instead), TRAINING_TIMEOUT,
 * TRAINING_OUT_OF_MEMORY, and TRAINING_CRASHED when the child ended without an answer.
 */
export async function runIsolated<T, P = unknown>(options: IsolateOptions<P>): Promise<T> {
  const { entry, input, onProgress, signal, timeoutMs, maxMemoryMb, log = silentLog } = options
  if (signal?.aborted) throw cancelled(signal)
  const child = startChild(entry, { heapMb: maxMemoryMb, home: homedir(), ...options.kernel })
  const stderr = collectStderr(child)
  let answer: Extract<ToParent, { type: 'result' | 'failure' }> | undefined
  let stopped: MlError | undefined
  let killTimer: NodeJS.Timeout | undefined

  const kill = () => child.kill('SIGKILL')
  const stop = (reason: MlError) => {
    if (stopped || answer) return
    stopped = reason
    killTimer = setTimeout(kill, GRACE_MS)
    send(child, { type: 'stop' })
  }
  const onAbort = () => stop(cancelled(signal))
  const timer = setTimeout(() => stop(timedOut(timeoutMs)), timeoutMs)
  const unwatch = watchMemory(child.pid, maxMemoryMb, (usedMb) => {
    stop(outOfMemory(maxMemoryMb, usedMb))
    kill()
  })
  signal?.addEventListener('abort', onAbort, { once: true })
  child.on('message', (message: ToParent) => {
    if (message.type !== 'progress') {
      answer ??= message
      // A native add-on may hang while it is torn down; the answer is here, so the child is of no more use.
      killTimer ??= setTimeout(kill, GRACE_MS)
    } else if (!stopped) onProgress?.(message.progress as P)
  })
  try {
    const ended = closing(child)
    send(child, { type: 'start', input })
    const { code, signal: killedBy, error } = await ended
    if (stopped) throw stopped
    if (answer?.type === 'result') return answer.value as T
    if (answer) throw told(answer.failure, maxMemoryMb)
    const tail = stderr()
    log.error({ entry: entry.pathname, code, signal: killedBy, stderr: tail }, 'isolated work crashed')
    throw crashed({ code, killedBy, tail, error, maxMemoryMb })
  } finally {
    clearTimeout(timer)
    clearTimeout(killTimer)
    unwatch()
    signal?.removeEventListener('abort', onAbort)
    kill()
  }
}

function send(child: ChildProcess, message: ToChild): void {
  if (child.connected) child.send(message, () => {}) // a dead child is noticed by its end, not by this write
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly error?: Error
}

/** 'close' rather than 'exit': only then has every message of the child been read. */
function closing(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, error })
    })
  })
}

function collectStderr(child: ChildProcess): () => string {
  let tail = ''
  child.stderr?.setEncoding('utf8')
  child.stderr?.on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL)
  })
  return () => tail.trim()
}

function cancelled(signal: AbortSignal | undefined): MlError {
  if (signal?.reason instanceof MlError) return signal.reason
  return fail('conflict', 'TRAINING_CANCELLED', 'The training was cancelled')
}

function timedOut(timeoutMs: number): MlError {
  const limit = timeoutMs >= 1000 ? `${Math.round(timeoutMs / 1000)} s` : `${timeoutMs} ms`
  const message = `The training was stopped at its time limit of ${limit}: use fewer rows, cheaper settings, or raise the limit`
  return fail('limited', 'TRAINING_TIMEOUT', message, { details: { timeout_ms: timeoutMs } })
}

function outOfMemory(maxMemoryMb: number | undefined, usedMb?: number): MlError {
  const used = usedMb === undefined ? '' : ` (it used ${Math.round(usedMb)} MB)`
  const message = `The training needed more memory than its limit of ${maxMemoryMb} MB${used}: use fewer rows or columns, or raise the limit`
  return fail('limited', 'TRAINING_OUT_OF_MEMORY', message, { details: { max_memory_mb: maxMemoryMb } })
}

/** A table that is too large for any array is told of by JavaScript itself. */
function told({ kind, message, ...failure }: WireFailure, maxMemoryMb: number | undefined): MlError {
  const isTooLarge = kind === 'internal' && NO_ROOM.test(message)
  if (isTooLarge && maxMemoryMb !== undefined) return outOfMemory(maxMemoryMb)
  return fromWire({ kind, message, ...failure })
}

const NO_ROOM = /Array buffer allocation failed|Invalid typed array length|Invalid array buffer length/

interface Crash {
  readonly code: number | null
  readonly killedBy: NodeJS.Signals | null
  readonly tail: string
  readonly error: Error | undefined
  readonly maxMemoryMb: number | undefined
}

function crashed({ code, killedBy, tail, error, maxMemoryMb }: Crash): MlError {
  if (maxMemoryMb !== undefined && /heap out of memory|heap limit|Array buffer allocation failed/.test(tail)) {
    return outOfMemory(maxMemoryMb)
  }
  const how = error
    ? `could not be started: ${error.message}`
    : killedBy
      ? `was killed by ${killedBy}${killedBy === 'SIGKILL' ? ' (by hand, or because the machine ran out of memory)' : ''}`
      : `ended with exit code ${code} and no answer`
  const details = { exit_code: code, signal: killedBy, stderr: tail }
  return fail('unavailable', 'TRAINING_CRASHED', `The training process ${how}`, { details, cause: error })
}
