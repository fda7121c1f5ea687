// Failures as gRPC statuses. `internal` keeps its message to itself and writes the stack to the log instead.
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { asFailure, type FailureKind, type FieldError, type MlError } from '../core/failure.ts'
import type { Log } from '../core/log.ts'
import { REQUEST_ID_HEADER } from '../core/request-id.ts'
import { logFieldsOf, type Span } from '../core/trace.ts'

const STATUS: Readonly<Record<FailureKind, status>> = {
  invalid: status.INVALID_ARGUMENT,
  malformed: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  not_found: status.NOT_FOUND,
  conflict: status.FAILED_PRECONDITION,
  too_large: status.RESOURCE_EXHAUSTED,
  limited: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  internal: status.INTERNAL,
}

const STATUS_OF_CODE: Readonly<Record<string, status>> = {
  NOT_OFFERED: status.UNIMPLEMENTED,
  INFERENCE_TIMEOUT: status.DEADLINE_EXCEEDED,
  INFERENCE_ABORTED: status.CANCELLED,
  CLIENT_GONE: status.CANCELLED,
}

const HIDDEN = 'Internal error; the log has it under this request id'
const MOST_FINDINGS = 10
/** As they are written in a header, where a character takes up to nine of them. */
const MOST_DETAIL_BYTES = 6000

export interface FailureContext {
  readonly log: Log
  readonly requestId: string
  readonly span: Span
}

function grpcStatusOf(failure: MlError): status {
  return STATUS_OF_CODE[failure.code] ?? STATUS[failure.kind]
}

/** What was thrown, as gRPC wants it, with our code in the trailer `error-code`. */
export function serviceError(error: unknown, context: FailureContext): Partial<ServiceError> {
  const failure = asFailure(error)
  const { requestId, span } = context
  const metadata = new Metadata()
  metadata.set(REQUEST_ID_HEADER, requestId)
  metadata.set('error-code', failure.code)
  if (failure.retryAfterSeconds !== undefined) metadata.set('retry-after', String(Math.ceil(failure.retryAfterSeconds)))
  const code = grpcStatusOf(failure)
  span.failed(failure)
  span.set({ 'rpc.response.status_code': status[code] })
  return { code, details: shortened(messageOf(failure, context)), metadata }
}

/**
 * A message may name what the caller sent, however long that is; a client that is sent longer trailers than it takes (8 KiB is usual) breaks the
 * stream and never learns the status.
 */
function shortened(text: string): string {
  // What is cut out of a text may begin or end in half a character, which a header cannot carry.
  let short = text.slice(0, MOST_DETAIL_BYTES).toWellFormed()
  for (let bytes = encodeURI(short).length; bytes > MOST_DETAIL_BYTES; bytes = encodeURI(short).length) {
    short = short.slice(0, Math.floor((short.length * MOST_DETAIL_BYTES) / bytes)).toWellFormed()
  }
  return short.length < text.length ? `${short}…` : short
}

/** With all findings: there is no field for them. */
export function messageOf(failure: MlError, { log, requestId, span }: FailureContext): string {
  if (failure.kind === 'internal') {
    log.error({ requestId, ...logFieldsOf(span), code: failure.code, stack: failure.stack }, failure.message)
    return HIDDEN
  }
  const findings = (failure.details?.errors ?? []) as readonly FieldError[]
  if (findings.length < 2) return failure.message
  const shown = findings.slice(0, MOST_FINDINGS).map(({ field, message }) => `${field} ${message}`)
  return `${failure.message.split(':', 1)[0]}: ${shown.join('; ')}`
}
