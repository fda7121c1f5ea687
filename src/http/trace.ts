// A request over HTTP as a span, named and described by OpenTelemetry's conventions. Only what is recorded listens for the end of its
// reply: the other ninety-nine in a hundred pay for the decision alone.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Span, type Tracer, traceContextOf } from '../core/trace.ts'

/** Asked by machines every few seconds, and of no interest one by one. */
const UNTRACED: ReadonlySet<string> = new Set([
  '/health',
  '/ready',
  '/metrics',
  '/ping',
  '/v2/health/live',
  '/v2/health/ready',
])

export function traceRequests(app: FastifyInstance, tracer: Tracer): void {
  if (!tracer.enabled) return
  app.addHook('onRequest', (request, reply, done) => {
    const route = request.routeOptions.url
    if (route === undefined || !UNTRACED.has(route)) request.span = begin(tracer, { request, reply, route })
    done()
  })
}

interface Begun {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** None: nothing is there. */
  readonly route: string | undefined
}

function begin(tracer: Tracer, { request, reply, route }: Begun): Span {
  const { method, headers } = request
  const span = tracer.start(route === undefined ? method : `${method} ${route}`, {
    kind: 'server',
    parent: headers.traceparent === undefined ? undefined : traceContextOf(headers),
  })
  if (!span.recording) return span
  span.set({
    'http.request.method': method,
    'http.route': route,
    'url.path': request.url.split('?', 1)[0]!,
    'url.scheme': request.protocol,
    'client.address': request.ip,
    'user_agent.original': headers['user-agent'],
    'modelyard.request_id': request.id,
  })
  reply.raw.once('close', () => {
    span.set({ 'http.response.status_code': reply.raw.statusCode })
    span.end()
  })
  return span
}
