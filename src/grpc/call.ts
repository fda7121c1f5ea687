// Who is calling over gRPC, and until when: metadata as HTTP's headers, cancellation as an AbortSignal.
import type { IncomingHttpHeaders } from 'node:http'
import type { Metadata } from '@grpc/grpc-js'
import type { Call, Caller } from '../core/caller.ts'
import { fail } from '../core/failure.ts'
import { requestIdOf } from '../core/request-id.ts'

export type Authenticate = (headers: IncomingHttpHeaders, requestId: string) => Caller | Promise<Caller>

interface Cancellable {
  readonly cancelled: boolean
  on(event: 'cancelled', listener: () => void): unknown
}

/** Binary entries are no headers. */
function headersOf(metadata: Metadata): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {}
  const entries = metadata.getMap()
  for (const name in entries) if (typeof entries[name] === 'string') headers[name] = entries[name]
  return headers
}

/** What comes with a call before anybody knows who it is from. */
export interface Envelope {
  readonly headers: IncomingHttpHeaders
  readonly requestId: string
}

export function envelopeOf(metadata: Metadata): Envelope {
  const headers = headersOf(metadata)
  return { headers, requestId: requestIdOf(headers) }
}

/** @throws what `authenticate` throws. */
export async function callOf(
  call: Cancellable,
  { headers, requestId }: Envelope,
  authenticate: Authenticate,
): Promise<Call> {
  const found = authenticate(headers, requestId)
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
