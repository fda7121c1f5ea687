// The only place where a kind of failure becomes a status: that of the HTTP reply, and what a reply over the bus carries as its code.
import type { FailureKind } from './failure.ts'

export const STATUS_OF_KIND: Readonly<Record<FailureKind, number>> = {
  invalid: 422,
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  limited: 429,
  unavailable: 503,
  internal: 500,
}
