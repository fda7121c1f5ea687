// Who is calling over gRPC, and until when: metadata as HTTP's headers, cancellation as an AbortSignal.
import type { IncomingHttpHeaders } from 'node:http'
import type { Metadata } from '@grpc/grpc-js'
import type { Call, Caller } from '../core/caller.ts'
import { fail } from '../core/failure.ts'
import { requestIdOf } from '../core/request-id.ts'
import { type Span, type Tracer, traceContextOf } from '../core/trace.ts'

export type Authenticate = (headers: IncomingHttpHeaders, requestId: string) => Caller | Promise<Caller>

interface Cancellable {
  readonly cancelled: boolean
  on(event: 'cancelled', listener: () => void): unknown
}

/** Binary entries are no headers. */
export function headersOf(metadata: Metadata): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {}
  const entries = metadata.getMap()
  for (const name in entries) if (typeof entries[name] === 'string') headers[name] = entries[name]
  return headers
}

/** What comes with a call before anybody knows who it is from. */
export interface Envelope {
  readonly headers: IncomingHttpHeaders
  readonly requestId: string
  readonly span: Span
}

/** @param method as in the path: `inference.GRPCInferenceService/ModelInfer`. */
export function envelopeOf(headers: IncomingHttpHeaders, method: string, tracer: Tracer): Envelope {
  const requestId = requestIdOf(headers)
  const span = tracer.start(method, { kind: 'server', parent: tracer.enabled ? traceContextOf(headers) : undefined })
  if (span.recording) span.set({ 'rpc.system.name': 'grpc', 'rpc.method': method, 'modelyard.request_id': requestId })
  return { headers, requestId, span }
}

/** @throws what `authenticate` throws. */
export async function callOf(
  call: Cancellable,
  { headers, requestId, span }: Envelope,
  authenticate: Authenticate,
): Promise<Call> {
  const found = authenticate(headers, requestId)
  const caller = found instanceof Promise ? await found : found
  if (span.recording) span.set({ 'modelyard.tenant': caller.tenantId })
  return new GrpcCall(call, caller, span)
}

/** Methods on the prototype, for the sake of garbage collection: see the HTTP face. */
class GrpcCall implements Call {
  readonly caller: Caller
  readonly span: Span
  readonly #call: Cancellable
  #signal: AbortSignal | undefined

  constructor(call: Cancellable, caller: Caller, span: Span) {
    this.caller = caller
    this.span = span
    this.#call = call
  }

  gone(): boolean {
    return this.#call.cancelled
  }

  /** Made when first asked for: it costs more than the rest of a small call. */
  get signal(): AbortSignal {
    this.#signal ??= signalOf(this.#call)
    return this.#signal
  }
}

function signalOf(call: Cancellable): AbortSignal {
  const controller = new AbortController()
  const leave = () => controller.abort(fail('unavailable', 'CLIENT_GONE', 'The client gave the call up'))
  if (call.cancelled) leave()
  else call.on('cancelled', leave)
  return controller.signal
}
