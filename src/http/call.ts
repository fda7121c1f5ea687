// The circumstances of one request, as dispatch is handed them.
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Upload } from '../contract/operation.ts'
import type { Call, Caller } from '../core/caller.ts'
import { fail } from '../core/failure.ts'
import { idempotencyKeyOf } from '../core/idempotency-key.ts'

/**
 * What a handler gives that has replied itself. Not the reply: that is a thenable, which an `await` would wait for, and lose.
 */
export const SENT = Symbol('sent')

/** What an async handler returns when it has sent: the reply is waited for only where it is not out yet. */
export function sent(reply: FastifyReply): FastifyReply | undefined {
  return reply.sent ? undefined : reply
}

export function callOf(request: FastifyRequest, reply: FastifyReply, caller: Caller, upload?: Upload): Call {
  const { span } = request
  if (span?.recording) span.set({ 'modelyard.tenant': caller.tenantId })
  return new HttpCall(reply.raw, {
    caller,
    span,
    upload,
    idempotencyKey: idempotencyKeyOf(request.headers['idempotency-key']),
  })
}

type Told = Pick<Call, 'caller' | 'span'> & { readonly [K in 'upload' | 'idempotencyKey']: Call[K] | undefined }

/**
 * A class with its methods on the prototype. A getter in an object literal, or a function of its own in a field, is remembered by what
 * the engine keeps in the old generation; through it request, reply and buffers of every call outlived the quick garbage
 * collections until the next full one (decision 037).
 */
class HttpCall implements Told {
  readonly caller: Caller
  readonly span: Call['span']
  readonly upload: Upload | undefined
  readonly idempotencyKey: string | undefined
  readonly #raw: ServerResponse
  #signal: AbortSignal | undefined

  constructor(raw: ServerResponse, { caller, span, upload, idempotencyKey }: Told) {
    this.caller = caller
    this.span = span
    this.upload = upload
    this.idempotencyKey = idempotencyKey
    this.#raw = raw
  }

  gone(): boolean {
    return this.#raw.destroyed && !this.#raw.writableEnded
  }

  /** Made when first asked for: most predictions never look at it, and it costs more than their routing. */
  get signal(): AbortSignal {
    this.#signal ??= signalOf(this.#raw)
    return this.#signal
  }
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
