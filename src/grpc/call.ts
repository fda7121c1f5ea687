// Who is calling over gRPC, and until when: metadata as HTTP's headers, cancellation as an AbortSignal.
import type { IncomingHttpHeaders } from 'node:http'
import type { Metadata } from '@grpc/grpc-js'
import type { Call, Caller } from '../core/caller.ts'
import { fail } from '../core/failure.ts'
import { requestIdOf } from '../core/request-id.ts'

export type Authenticate = (headers: IncomingHttpHeaders, requestId: string) => Caller | Promise<Caller>

interface Cancellable {
  readonly metadata: Metadata
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

export function requestIdIn(metadata: Metadata): string {
  return requestIdOf(headersOf(metadata))
}

/** @throws what `authenticate` throws. */
export async function callOf(call: Cancellable, requestId: string, authenticate: Authenticate): Promise<Call> {
  const found = authenticate(headersOf(call.metadata), requestId)
  const caller = found instanceof Promise ? await found : found
  let signal: AbortSignal | undefined
  return {
    caller,
    // Made when first asked for: it costs more than the rest of a small call.
    get signal() {
      signal ??= signalOf(call)
      return signal
    },
  }
}

function signalOf(call: Cancellable): AbortSignal {
  const controller = new AbortController()
  const leave = () => controller.abort(fail('unavailable', 'CLIENT_GONE', 'The client gave the call up'))
  if (call.cancelled) leave()
  else call.on('cancelled', leave)
  return controller.signal
}
