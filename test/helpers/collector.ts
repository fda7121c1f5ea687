// A collector of traces on this machine: takes OTLP over HTTP as JSON, as OpenTelemetry's own do, and keeps the spans.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

export interface CollectedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  /** Empty for the first span of a trace. */
  readonly parentSpanId: string
  /** As OTLP numbers them: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
  /** 0 unset, 2 a fault. */
  readonly status: number
  readonly durationMs: number
}

export interface Collector extends AsyncDisposable {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT is set to. */
  readonly url: string
  readonly spans: readonly CollectedSpan[]
  readonly headers: readonly IncomingHttpHeaders[]
  /** What it answers from now on; default: 200 at once. */
  answer: (reply: ServerResponse) => void
}

interface Pair {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}
interface OtlpSpan extends Omit<CollectedSpan, 'attributes' | 'resource' | 'status' | 'durationMs'> {
  readonly attributes: readonly Pair[]
  readonly status?: { readonly code?: number }
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
}
interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

/** @param port default: any that is free. */
export async function startCollector(port = 0): Promise<Collector> {
  const spans: CollectedSpan[] = []
  const headers: IncomingHttpHeaders[] = []
  const server = createServer(async (request, reply) => {
    const body = await text(request).catch(() => '')
    headers.push(request.headers)
    if (request.method !== 'POST' || request.url !== '/v1/traces') {
      reply.writeHead(404).end()
      return
    }
    if (body !== '') spans.push(...spansOf(JSON.parse(body) as OtlpTraces))
    collector.answer(reply)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const collector: Collector = {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    spans,
    headers,
    answer: (reply) => reply.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return collector
}

function spansOf({ resourceSpans }: OtlpTraces): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ name, traceId, spanId, parentSpanId, kind, attributes, status, ...times }) => ({
        name,
        traceId,
        spanId,
        parentSpanId: parentSpanId ?? '',
        kind,
        attributes: valuesOf(attributes),
        resource: valuesOf(resource.attributes),
        status: status?.code ?? 0,
        durationMs: Number(BigInt(times.endTimeUnixNano) - BigInt(times.startTimeUnixNano)) / 1e6,
      })),
    ),
  )
}

function valuesOf(pairs: readonly Pair[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]))
}
