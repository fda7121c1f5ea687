// Requests that are refused as soon as their headers are there, before framework, body, caller and failure are made of them, for about a
// third of what that takes: by a full event loop, and where a prediction would wait too long for its model. Of the first only what changes or
// asks something, and is small: whoever looks at health and metrics of a full service is answered.
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { fail } from '../core/failure.ts'
import type { Metrics } from '../core/metrics.ts'
import { REQUEST_ID_HEADER, requestIdOf } from '../core/request-id.ts'
import { failureReply } from './failures.ts'
import { Saturation } from './saturation.ts'

export interface Refusal {
  readonly requestId: string
  readonly status: number
  readonly retryAfterSeconds: number
  readonly body: string
  /** Label of the metrics; where there is none the request is in no other figure than that of refusals. */
  readonly operation?: string
}

/** Whether a request is refused whatever it holds. */
export type TurnAway = (request: IncomingMessage) => Refusal | undefined

export interface RefuseEarlyOptions {
  readonly clock: Clock
  readonly metrics: Metrics
  readonly maxWaitMs: number
  readonly turnAway?: TurnAway | undefined
  /** Connections end with what is refused from then on. */
  readonly stopping?: AbortSignal
}

/** What is larger is a rare upload, which would have to be read to its end all the same. */
const SMALL_BYTES = 64 * 1024

const OVERLOADED = fail('unavailable', 'OVERLOADED', 'Too many requests are waiting', { retryAfterSeconds: 1 })

/** Steps in before what listens to the server's requests now. */
export function refuseEarly(
  server: Server,
  { clock, metrics, maxWaitMs, turnAway, stopping }: RefuseEarlyOptions,
): void {
  const saturation = new Saturation({ clock, maxWaitMs, refused: (count) => metrics.httpRefused.inc(count) })
  const usual = server.listeners('request') as RequestListener[]
  const refusalOf = (request: IncomingMessage): Refusal | undefined => {
    if (request.method !== 'POST') return undefined
    return isSmall(request) && !saturation.admits(tenantOf(request)) ? overloaded(request, clock) : turnAway?.(request)
  }
  server.removeAllListeners('request')
  server.on('request', (request, reply) => {
    const startedMs = clock.elapsedMs()
    const refusal = refusalOf(request)
    if (refusal === undefined) {
      for (const listener of usual) listener.call(server, request, reply)
      return
    }
    if (stopping?.aborted) reply.setHeader('connection', 'close')
    write(reply, refusal)
    const { operation } = refusal
    if (operation) metrics.http.of({ operation, status: '5xx' }).observe((clock.elapsedMs() - startedMs) / 1000)
  })
}

function isSmall({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length']) <= SMALL_BYTES
}

function tenantOf({ headers }: IncomingMessage): string {
  return String(headers['x-tenant-id'] ?? '')
}

function overloaded({ headers, url = '' }: IncomingMessage, clock: Clock): Refusal {
  const requestId = requestIdOf(headers)
  return { requestId, retryAfterSeconds: 1, ...failureReply(OVERLOADED, requestId, url, clock) }
}

function write(reply: ServerResponse, { requestId, status, retryAfterSeconds, body }: Refusal): void {
  reply.writeHead(status, {
    [REQUEST_ID_HEADER]: requestId,
    'retry-after': String(retryAfterSeconds),
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  })
  reply.end(body)
}
