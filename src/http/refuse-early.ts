// Requests that a full event loop refuses as soon as their headers are there: before the framework, the body, a caller and a failure are
// made of them, for about a third of what that takes. Only what changes or asks something, and is small: whoever looks at health and
// metrics of a full service is answered.
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { fail } from '../core/failure.ts'
import type { Metrics } from '../core/metrics.ts'
import { REQUEST_ID_HEADER, requestIdOf } from '../core/request-id.ts'
import { failureReply } from './failures.ts'
import { Saturation } from './saturation.ts'

export interface RefuseEarlyOptions {
  readonly clock: Clock
  readonly metrics: Metrics
  readonly maxWaitMs: number
}

/** What is larger is a rare upload, which would have to be read to its end all the same. */
const SMALL_BYTES = 64 * 1024

const OVERLOADED = fail('unavailable', 'OVERLOADED', 'Too many requests are waiting', { retryAfterSeconds: 1 })

/** Steps in before what listens to the server's requests now. */
export function refuseEarly(server: Server, { clock, metrics, maxWaitMs }: RefuseEarlyOptions): void {
  const saturation = new Saturation({ clock, maxWaitMs, refused: (count) => metrics.httpRefused.inc(count) })
  const usual = server.listeners('request') as RequestListener[]
  server.removeAllListeners('request')
  server.on('request', (request, reply) => {
    if (mayBeRefused(request) && !saturation.admits(tenantOf(request))) refuse(request, reply, clock)
    else for (const listener of usual) listener.call(server, request, reply)
  })
}

function mayBeRefused({ method, headers }: IncomingMessage): boolean {
  return method === 'POST' && Number(headers['content-length']) <= SMALL_BYTES
}

function tenantOf({ headers }: IncomingMessage): string {
  return String(headers['x-tenant-id'] ?? '')
}

function refuse(request: IncomingMessage, reply: ServerResponse, clock: Clock): void {
  const requestId = requestIdOf(request.headers)
  const { status, body, retryAfterSeconds = 1 } = failureReply(OVERLOADED, requestId, request.url ?? '', clock)
  reply.writeHead(status, {
    [REQUEST_ID_HEADER]: requestId,
    'retry-after': String(retryAfterSeconds),
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  })
  reply.end(body)
}
