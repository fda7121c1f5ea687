// What can go wrong, in one shape. A failure has a kind (what it means for the caller), a code (what it is called)
// and details (where it happened). Status codes, exit codes and retries are decided at the edges, never here.

export const FAILURE_KINDS = [
  'invalid',
  'malformed',
  'unauthenticated',
  'forbidden',
  'not_found',
  'conflict',
  'too_large',
  'limited',
  'unavailable',
  'internal',
] as const

/**
 * `malformed` is input that could not even be read (broken JSON), `invalid` is input that was read and breaks a rule;
 * the others mean what their HTTP namesakes mean.
 */
export type FailureKind = (typeof FAILURE_KINDS)[number]

/** One broken rule: where (dotted path from the root of the input), what, and the value found there. */
export interface FieldError {
  readonly field: string
  readonly message: string
  readonly value?: unknown
}

export interface FailureOptions {
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
  /** Seconds after which a retry makes sense; sent as `Retry-After`. */
  readonly retryAfterSeconds?: number
}

export class MlError extends Error {
  readonly kind: FailureKind
  readonly code: string
  readonly details: Readonly<Record<string, unknown>> | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(kind: FailureKind, code: string, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.kind = kind
    this.code = code
    this.details = options.details
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

export function fail(kind: FailureKind, code: string, message: string, options?: FailureOptions): MlError {
  return new MlError(kind, code, message, options)
}

/** Details as a document shows them: where nothing was found at the place of a broken rule, its value is null. */
export function shownDetails({ details }: MlError): Record<string, unknown> | undefined {
  if (!Array.isArray(details?.errors)) return details && { ...details }
  const errors = (details.errors as readonly FieldError[]).map((error) => ({ ...error, value: error.value ?? null }))
  return { ...details, errors }
}

/** All broken rules of one input at once; `what` names the input ("request", "dataset contract"). */
export function invalid(what: string, errors: readonly FieldError[], code = 'VALIDATION_ERROR'): MlError {
  const first = errors[0]
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  const place = first?.field ? `${first.field}: ` : ''
  return fail('invalid', code, `Invalid ${what}: ${place}${first?.message ?? 'breaks its schema'}${more}`, {
    details: { errors },
  })
}

export function notFound(noun: string, id: string): MlError {
  return fail('not_found', `${noun.toUpperCase().replaceAll(' ', '_')}_NOT_FOUND`, `No ${noun} "${id}"`)
}

/** Anything thrown, as a failure: unknown errors become `internal` and keep the original as `cause`. */
export function asFailure(error: unknown): MlError {
  if (error instanceof MlError) return error
  const message = error instanceof Error ? error.message : String(error)
  return fail('internal', 'INTERNAL_ERROR', message, { cause: error })
}
