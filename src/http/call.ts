// The circumstances of one request, as dispatch is handed them.
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Upload } from '../contract/operation.ts'
import type { Call, Caller } from '../core/caller.ts'
import { fail, invalid } from '../core/failure.ts'

/**
 * What a handler gives that has replied itself. Not the reply: that is a thenable, which an `await` would wait for, and lose.
 */
export const SENT = Symbol('sent')

/** What an async handler returns when it has sent: the reply is waited for only where it is not out yet. */
export function sent(reply: FastifyReply): FastifyReply | undefined {
  return reply.sent ? undefined : reply
}

const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/

/** The signal is made when first asked for: most predictions never look at it, and it costs more than their routing. */
export function callOf(request: FastifyRequest, reply: FastifyReply, caller: Caller, upload?: Upload): Call {
  let signal: AbortSignal | undefined
  const { span } = request
  if (span?.recording) span.set({ 'modelyard.tenant': caller.tenantId })
  return {
    caller,
    span,
    upload,
    idempotencyKey: idempotencyKeyOf(request),
    gone: () => reply.raw.destroyed && !reply.raw.writableEnded,
    get signal() {
      signal ??= signalOf(reply.raw)
      return signal
    },
  }
}

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && IDEMPOTENCY_KEY.test(key)) return key
  throw invalid('request', [{ field: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' }])
}

/** Fires when the connection closes before the reply is out. */
function signalOf(raw: ServerResponse): AbortSignal {
  const controller = new AbortController()
  const leave = () => {
    if (!raw.writableEnded) controller.abort(fail('unavailable', 'CLIENT_GONE', 'The client closed the connection'))
  }
  if (raw.destroyed) leave()
  else raw.once('close', leave)
  return controller.signal
}
