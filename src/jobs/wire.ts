// The messages between isolate.ts and the child it started, and how a failure travels in them.
import { asFailure, type FailureKind, fail, type MlError } from '../core/failure.ts'

export type ToChild = { readonly type: 'start'; readonly input: unknown } | { readonly type: 'stop' }

export type ToParent =
  | { readonly type: 'progress'; readonly progress: unknown }
  | { readonly type: 'result'; readonly value: unknown }
  | { readonly type: 'failure'; readonly failure: WireFailure }

export interface WireFailure {
  readonly kind: FailureKind
  readonly code: string
  readonly message: string
  /** JSON, because details are plain data by contract and a stray class instance would break the clone. */
  readonly details?: string
  readonly retryAfterSeconds?: number
  /** Only of internal failures: where it was thrown, for the log. */
  readonly stack?: string
}

export function toWire(error: unknown): WireFailure {
  const failure = asFailure(error)
  const stack = failure.kind === 'internal' ? ((failure.cause as Error | undefined)?.stack ?? failure.stack) : undefined
  return {
    kind: failure.kind,
    code: failure.code,
    message: failure.message,
    ...(failure.details && { details: JSON.stringify(failure.details) }),
    ...(failure.retryAfterSeconds !== undefined && { retryAfterSeconds: failure.retryAfterSeconds }),
    ...(stack && { stack }),
  }
}

export function fromWire({ kind, code, message, details, retryAfterSeconds, stack }: WireFailure): MlError {
  const cause = stack === undefined ? undefined : Object.assign(new Error(message), { stack })
  return fail(kind, code, message, {
    ...(details && { details: JSON.parse(details) as Record<string, unknown> }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    cause,
  })
}
