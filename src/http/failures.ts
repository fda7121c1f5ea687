// Failures as replies: the one error handler of the HTTP face.
// `internal` keeps its message and details to itself and writes the stack to the log instead.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorResponse } from '../contract/errors.ts'
import type { Clock } from '../core/clock.ts'
import { asFailure, type FailureKind, type FieldError, fail, type MlError, shownDetails } from '../core/failure.ts'
import type { Log } from '../core/log.ts'
import { REQUEST_ID_HEADER } from '../core/request-id.ts'
import { STATUS_OF_KIND } from '../core/status.ts'
import { logFieldsOf } from '../core/trace.ts'
import { toJson } from './json.ts'

/** Mistakes that only HTTP can make have a status of their own. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  METHOD_NOT_ALLOWED: 405,
  UNSUPPORTED_MEDIA_TYPE: 415,
  HEADERS_TOO_LARGE: 431,
  REQUEST_TOO_SLOW: 408,
  NOT_OFFERED: 501,
}

/** The Open Inference Protocol knows one status for whatever is wrong with a request. */
const OPEN_INFERENCE_STATUS: Readonly<Record<number, number>> = { 409: 400, 422: 400 }

const HIDDEN = 'Internal error; the log has it under this request id'

export interface FailureContext {
  readonly log: Log
  readonly clock: Clock
}

export interface FailureReply {
  readonly status: number
  readonly retryAfterSeconds?: number
  readonly body: string
}

function statusOf(failure: MlError): number {
  return STATUS_OF_CODE[failure.code] ?? STATUS_OF_KIND[failure.kind]
}

/** The document of a failure, as the events stream and the replies show it. */
export function errorResponse(failure: MlError, requestId: string, clock: Clock): ErrorResponse {
  const hidden = failure.kind === 'internal'
  return {
    success: false,
    error: hidden ? HIDDEN : failure.message,
    error_code: failure.code,
    timestamp: clock.now().toISOString(),
    request_id: requestId,
    ...(failure.details && !hidden && { details: shownDetails(failure) }),
  }
}

export function failureReply(failure: MlError, requestId: string, url: string, clock: Clock): FailureReply {
  const document = errorResponse(failure, requestId, clock)
  const status = statusOf(failure)
  const openInference = isOpenInference(url)
  const retry = failure.kind === 'limited' || failure.kind === 'unavailable'
  return {
    status: openInference ? (OPEN_INFERENCE_STATUS[status] ?? status) : status,
    body: openInference ? toJson({ error: openInferenceMessage(document) }) : bodyOf(document),
    ...(retry && { retryAfterSeconds: Math.max(1, Math.ceil(failure.retryAfterSeconds ?? 1)) }),
  }
}

const MOST_FINDINGS = 10

/** There is one field for everything, so all findings go into it. */
function openInferenceMessage({ error, details }: ErrorResponse): string {
  const findings = details?.errors
  if (!Array.isArray(findings) || findings.length < 2) return error
  const shown = (findings as FieldError[]).slice(0, MOST_FINDINGS).map(({ field, message }) => `${field} ${message}`)
  const rest = findings.length - shown.length
  return `${error.split(':', 1)[0]}: ${shown.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`
}

/** Details come from anywhere; ones that cannot be written down must not turn a 422 into a 500. */
function bodyOf(document: ErrorResponse): string {
  try {
    return toJson(document)
  } catch {
    const { details: _, ...rest } = document
    return toJson(rest)
  }
}

/** The Open Inference Protocol has an error document of its own. */
function isOpenInference(url: string): boolean {
  return url === '/v2' || url.startsWith('/v2/') || url.startsWith('/v2?')
}

/** Answers a request with what was thrown; returns the status for the metrics. */
export function sendFailure(request: FastifyRequest, reply: FastifyReply, error: unknown, context: FailureContext) {
  const operation = request.routeOptions?.config?.operation
  const failure = fromFramework(error, operation === undefined)
  request.span?.failed(failure)
  if (failure.kind === 'internal' && !reply.raw.destroyed) {
    context.log.error(
      { requestId: request.id, ...traceOf(request), operation, code: failure.code, stack: stackOf(failure) },
      failure.message,
    )
  }
  const { status, body, retryAfterSeconds } = failureReply(failure, request.id, request.url, context.clock)
  // Fastify asks for `connection: close` when a body was refused; the client would then lose the answer in the reset.
  for (const name of ['content-length', 'content-disposition', 'connection']) reply.removeHeader(name)
  if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds)
  reply.header(REQUEST_ID_HEADER, request.id).header('content-type', 'application/json; charset=utf-8')
  reply.code(status).send(body)
  return status
}

/** So that the log and the trace are found from each other. */
function traceOf({ span }: FastifyRequest) {
  return span ? logFieldsOf(span) : {}
}

function stackOf(failure: MlError): string {
  const own = failure.stack ?? failure.message
  const { cause } = failure
  if (!(cause instanceof Error)) return own
  return failure.code === 'INTERNAL_ERROR' ? (cause.stack ?? own) : `${own}\ncaused by ${cause.stack}`
}

/** Fastify's own errors in our words. `foreign` routes (setupRoutes) may also throw any error with a `statusCode`. */
export function fromFramework(error: unknown, foreign = false): MlError {
  if (!(error instanceof Error)) return asFailure(error)
  const { code, statusCode } = error as Error & { readonly code?: unknown; readonly statusCode?: unknown }
  if (code === 'ECONNRESET' && statusCode === 400) return fail('malformed', 'MALFORMED_BODY', 'The body broke off')
  const known = foreign || (typeof code === 'string' && code.startsWith('FST_'))
  if (!known || typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return asFailure(error)
  const cause = error
  if (statusCode === 413) return fail('too_large', 'TOO_LARGE', error.message, { cause })
  if (statusCode === 415) return fail('malformed', 'UNSUPPORTED_MEDIA_TYPE', error.message, { cause })
  const kind = KIND_OF_STATUS.get(statusCode) ?? 'malformed'
  return fail(kind, kind === 'malformed' ? 'MALFORMED_REQUEST' : kind.toUpperCase(), error.message, { cause })
}

const KIND_OF_STATUS = new Map(Object.entries(STATUS_OF_KIND).map(([kind, status]) => [status, kind as FailureKind]))
