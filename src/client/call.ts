// One call from input to output: request, attempts, reply.
import type { Operation } from '../contract/operation.ts'
import { type OperationName, operations } from '../contract/operations/index.ts'
import { fail, MlError } from '../core/failure.ts'
import { readEvents } from './events.ts'
import { failureOf, readDownload, readJson } from './reply.ts'
import { type Fields, makeRequest, type PlainRequest } from './request.ts'
import { timerMs } from './timer.ts'
import type { CallOptions } from './types.ts'

export interface Settings extends CallOptions {
  readonly baseUrl: string
  readonly headers: Readonly<Record<string, string>>
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>
  readonly timeoutMs: number
  readonly retries: number
}

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 10_000
/** Who is asked to wait longer is told so instead: it is for them to say when. A timer would end at once after 24.8 days. */
const LONGEST_WAIT_SECONDS = 300

/** A promise of the output, or for an operation that streams events the iterable itself. */
export function call(name: OperationName, input: Fields, settings: Settings): unknown {
  const operation: Operation = operations[name]
  if (operation.reply === 'events') return events(operation, input, settings)
  return answer(operation, input, settings)
}

async function* events(operation: Operation, input: Fields, settings: Settings) {
  const { response, stopTimer } = await attempts(operation, input, settings)
  stopTimer()
  yield* readEvents(response)
}

async function answer(operation: Operation, input: Fields, settings: Settings): Promise<unknown> {
  const { response, stopTimer, explain } = await attempts(operation, input, settings)
  if (operation.reply === 'download') {
    stopTimer()
    return readDownload(response)
  }
  try {
    const document = await readJson(response)
    return operation.reply === 'envelope' ? (document as { readonly data: unknown }).data : document
  } catch (error) {
    throw explain(error)
  } finally {
    stopTimer()
  }
}

interface Attempt {
  readonly response: Response
  /** To be called once nothing more is awaited from the service. */
  readonly stopTimer: () => void
  /** What a failed read of the body means. */
  readonly explain: (error: unknown) => unknown
}

async function attempts(operation: Operation, input: Fields, settings: Settings): Promise<Attempt> {
  // The same key on every attempt is what makes repeating a command safe.
  const key = settings.idempotencyKey ?? (operation.idempotent ? crypto.randomUUID() : undefined)
  const request = makeRequest(operation, input, key === undefined ? settings : { ...settings, idempotencyKey: key })
  const repeatable = (operation.kind === 'query' || operation.idempotent === true) && !request.once
  return await repeated(() => send(operation, request, settings), repeatable ? settings.retries : 0, settings.signal)
}

/** Again, after a pause, where the service was away or had too much to do. */
export async function repeated<T>(ask: () => Promise<T>, retries: number, signal?: AbortSignal): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      const again = error instanceof MlError && (error.kind === 'unavailable' || error.kind === 'limited')
      if (!again || attempt >= retries) throw error
      const backoffMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)
      const { retryAfterSeconds = backoffMs / 1000 } = error
      if (retryAfterSeconds > LONGEST_WAIT_SECONDS) throw error
      await pause(retryAfterSeconds * 1000, signal)
    }
  }
}

async function send(operation: Operation, request: PlainRequest, settings: Settings): Promise<Attempt> {
  const { signal: asked, timeoutMs } = settings
  const timer = new AbortController()
  const timeout = setTimeout(() => timer.abort(), timerMs(timeoutMs))
  const stopTimer = () => clearTimeout(timeout)
  const explain = (cause: unknown): unknown => {
    if (cause instanceof MlError) return cause
    if (asked?.aborted) return asked.reason
    if (timer.signal.aborted) return fail('unavailable', 'TIMEOUT', `No answer within ${timeoutMs} ms`, { cause })
    return fail('unavailable', 'SERVICE_UNREACHABLE', `${settings.baseUrl} cannot be reached: ${words(cause)}`, {
      cause,
    })
  }
  try {
    const signal = asked ? AbortSignal.any([asked, timer.signal]) : timer.signal
    const response = await settings.fetch(settings.baseUrl + request.path, { ...request.init, signal })
    const probe = operation.reply === 'probe' && response.status === 503
    if (!response.ok && !probe) throw await failureOf(response)
    return { response, stopTimer, explain }
  } catch (error) {
    stopTimer()
    throw explain(error)
  }
}

/** `fetch` says only "fetch failed"; why is in its cause. */
function words(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error ? `${error.message} (${cause.message || cause.name})` : error.message
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timeout)
      reject(signal?.reason)
    }
    const timeout = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
