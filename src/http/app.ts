// The HTTP face: a Fastify application made from the operations table. It knows no slice: what an operation does, who may
// call it and whether its input is right is decided behind `dispatch`.
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import type { OperationName } from '../contract/operations/index.ts'
import type { Caller, Dispatch } from '../core/caller.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { fail, type MlError } from '../core/failure.ts'
import { newId } from '../core/ids.ts'
import type { Log } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { OpenInference } from '../core/open-inference.ts'
import { REQUEST_ID_HEADER, requestIdOf } from '../core/request-id.ts'
import { NO_TRACER, type Span, type Tracer } from '../core/trace.ts'
import { readJsonBodies } from './body.ts'
import { failureReply, sendFailure } from './failures.ts'
import { addNeighbours } from './neighbours/routes.ts'
import { trackRoutes } from './not-found.ts'
import { addOpenInference } from './oip/routes.ts'
import { turnAwayOf } from './oip/turn-away.ts'
import { refuseEarly } from './refuse-early.ts'
import { addOperations } from './routes.ts'
import { addServiceRoutes } from './service-routes.ts'
import { tooLarge } from './too-large.ts'
import { traceRequests } from './trace.ts'

export interface HttpOptions {
  readonly dispatch: Dispatch
  /** What answers the Open Inference Protocol; without it there is nothing under /v2. */
  readonly plane?: OpenInference
  /** Who is asking; throws `unauthenticated` or `forbidden`. */
  readonly authenticate: (headers: FastifyRequest['headers'], requestId: string) => Promise<Caller> | Caller
  readonly metrics: Metrics
  /** Default: no traces are kept. */
  readonly tracer?: Tracer
  readonly log: Log
  /** Largest JSON body, before and after decompression; default 32 MiB. */
  readonly maxBodyBytes?: number
  /** Largest body of an Open Inference request, which may hold raw tensors; default 256 MiB. */
  readonly maxTensorBytes?: number
  /** Largest file of a multipart upload; default 4 GiB. */
  readonly maxUploadBytes?: number
  /** Folder for uploads while they arrive; default the system's. A folder in memory (tmpfs) would hold them in memory. */
  readonly tempDir?: string
  /** The document of `GET /openapi.json`. */
  readonly openapi: unknown
  /** Routes of the application's own, in a scope of their own. */
  readonly setupRoutes?: (app: FastifyInstance) => void | Promise<void>
  readonly clock?: Clock
  /** Pause between the heartbeats of event streams; default 15 s. */
  readonly heartbeatMs?: number
  readonly slowness?: Slowness
  /** Waiting that is borne before requests are refused unread, in milliseconds; default 500. */
  readonly maxWaitMs?: number
}

/** How slow a client may be, in milliseconds; whoever is slower is answered 408 and let go. */
export interface Slowness {
  /** Until the headers are complete. Default 60 s. */
  readonly headersMs: number
  /** Until the body is complete, uploads of gigabytes included. Default an hour. */
  readonly requestMs: number
  /** Between two looks at all connections. Default 10 s. */
  readonly everyMs: number
  /** Silence after which a connection is given up. Default five minutes. */
  readonly idleMs?: number
}

declare module 'fastify' {
  interface FastifyRequest {
    /** On the clock's `elapsedMs`. */
    startedMs: number
    /** None where no traces are kept. */
    span: Span | undefined
  }
  interface FastifyContextConfig {
    operation?: OperationName | `v${1 | 2}.${string}`
  }
}

const MIB = 1024 * 1024
/** Heartbeats keep event streams below it. */
const IDLE_MS = 300_000
const MAX_WAIT_MS = 500
const SLOWNESS: Slowness = { headersMs: 60_000, requestMs: 3_600_000, everyMs: 10_000 }

export function createHttpApp(options: HttpOptions): FastifyInstance {
  const { log, metrics, clock = systemClock, maxBodyBytes = 32 * MIB, maxUploadBytes = 4096 * MIB } = options
  const failures = { log, clock }
  const stopping = new AbortController()
  const observe = observer(metrics, clock)
  const { headersMs, requestMs, everyMs, idleMs = IDLE_MS } = options.slowness ?? SLOWNESS

  const app = fastify({
    logger: false,
    genReqId: (raw) => requestIdOf(raw.headers),
    requestIdHeader: false,
    bodyLimit: maxBodyBytes,
    connectionTimeout: idleMs,
    requestTimeout: requestMs,
    // Given twice: Node checks the two limits against each other at the start, and fastify sets its own afterwards.
    http: { headersTimeout: headersMs, requestTimeout: requestMs, connectionsCheckingInterval: everyMs },
    // Requests that are already here are answered; the socket is closed after them.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 2048 },
    frameworkErrors: (error, request, reply) => {
      sendFailure(request, reply, error, failures)
    },
    clientErrorHandler: (error, socket) => refuseRaw(error, socket, clock),
  })
  const { plane, authenticate, maxTensorBytes = 256 * MIB } = options
  const turnAway = plane && turnAwayOf(plane, authenticate)
  refuseEarly(app.server, {
    clock,
    metrics,
    maxWaitMs: options.maxWaitMs ?? MAX_WAIT_MS,
    turnAway,
    stopping: stopping.signal,
  })
  app.decorateRequest('startedMs', 0)
  app.decorateRequest('span', undefined)
  app.addHook('onRequest', (request, reply, done) => {
    request.startedMs = clock.elapsedMs()
    reply.header(REQUEST_ID_HEADER, request.id)
    // Without this a kept-alive connection would hold up the stop until its idle time is over.
    if (stopping.signal.aborted) reply.header('connection', 'close')
    done()
  })
  traceRequests(app, options.tracer ?? NO_TRACER)
  app.addHook('preClose', (done) => {
    stopping.abort()
    done()
  })
  app.setErrorHandler((error, request, reply) => {
    const tooMuch = (error as NodeJS.ErrnoException).code === 'FST_ERR_CTP_BODY_TOO_LARGE'
    const failure = tooMuch ? tooLarge('request body', request.routeOptions.bodyLimit) : error
    observe(request, sendFailure(request, reply, failure, failures))
  })
  app.setNotFoundHandler(trackRoutes(app))
  readJsonBodies(app, maxBodyBytes)
  addOperations(app, {
    dispatch: options.dispatch,
    authenticate,
    log,
    clock,
    observe,
    stopping: stopping.signal,
    heartbeatMs: options.heartbeatMs ?? 15_000,
    formLimits: { maxFieldBytes: maxBodyBytes, maxUploadBytes, tempDir: options.tempDir ?? tmpdir() },
  })
  addServiceRoutes(app, metrics, options.openapi)
  if (plane) {
    addOpenInference(app, { plane, authenticate, observe, maxTensorBytes })
    addNeighbours(app, { plane, dispatch: options.dispatch, authenticate, observe, maxBodyBytes })
  }
  const { setupRoutes } = options
  if (setupRoutes) app.register(async (scope) => setupRoutes(scope))
  return app
}

const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const

function observer(metrics: Metrics, clock: Clock): (request: FastifyRequest, status: number) => void {
  const series = new Map<string, ReturnType<Metrics['http']['of']>[]>()
  return (request, status) => {
    const operation = request.routeOptions.config?.operation ?? 'none'
    const place = Math.floor(status / 100) - 1
    const own = series.get(operation) ?? []
    if (own.length === 0) series.set(operation, own)
    own[place] ??= metrics.http.of({ operation, status: CLASSES[place] ?? '5xx' })
    own[place].observe((clock.elapsedMs() - request.startedMs) / 1000)
  }
}

/** Bytes that are not HTTP: there is no request to reply to, so the answer is written by hand. */
function refuseRaw(error: NodeJS.ErrnoException, socket: Socket, clock: Clock): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const failure = rawFailure(error)
  const requestId = newId('req')
  const { status, body } = failureReply(failure, requestId, '', clock)
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n` +
      `${REQUEST_ID_HEADER}: ${requestId}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

function rawFailure({ code }: NodeJS.ErrnoException): MlError {
  if (code === 'HPE_HEADER_OVERFLOW') return fail('too_large', 'HEADERS_TOO_LARGE', 'The request headers are too large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return fail('malformed', 'REQUEST_TOO_SLOW', 'The request took too long to arrive')
  return fail('malformed', 'MALFORMED_REQUEST', 'The request is not valid HTTP')
}
