// A span of OpenTelemetry behind the words of src/core/trace.ts. What is not sampled is one object that hands its decision on, and
// has no children.
import {
  type Context,
  createTraceState,
  ROOT_CONTEXT,
  type Span as SdkSpan,
  type Tracer as SdkTracer,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { asFailure } from '../../core/failure.ts'
import { isFault, type Span, type SpanAttributes, type SpanOptions, type TraceContext } from '../../core/trace.ts'

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const

/** @param above holds the span it is a child of, if any. */
export function beginSpan(
  tracer: SdkTracer,
  { name, kind = 'internal', attributes, startedMs }: SpanOptions & { readonly name: string },
  above: Context = ROOT_CONTEXT,
): Span {
  const span = tracer.startSpan(
    name,
    { kind: KINDS[kind], ...(startedMs !== undefined && { startTime: startedMs }) },
    above,
  )
  if (!span.isRecording()) return new UnseenSpan(span.spanContext())
  const begun = new RecordedSpan(tracer, span, above)
  // After the decision: what nobody sees is not even looked at.
  if (attributes) begun.set(attributes)
  return begun
}

/** The place below a span of another process. */
export function belowRemote({ traceparent, tracestate }: TraceContext): Context {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-')
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  })
}

class RecordedSpan implements Span {
  readonly recording = true
  readonly #tracer: SdkTracer
  readonly #span: SdkSpan
  readonly #above: Context
  #below: Context | undefined

  constructor(tracer: SdkTracer, span: SdkSpan, above: Context) {
    this.#tracer = tracer
    this.#span = span
    this.#above = above
  }

  get context(): TraceContext {
    return contextOf(this.#span.spanContext())
  }

  child(name: string, options?: SpanOptions): Span {
    this.#below ??= trace.setSpan(this.#above, this.#span)
    return beginSpan(this.#tracer, { ...options, name }, this.#below)
  }

  set(attributes: SpanAttributes): void {
    for (const name in attributes) {
      const value = attributes[name]
      if (value !== undefined) this.#span.setAttribute(name, value)
    }
  }

  failed(error: unknown): void {
    const { code, message } = asFailure(error)
    this.#span.setAttribute('error.type', code)
    if (isFault(error)) this.#span.setStatus({ code: SpanStatusCode.ERROR, message })
  }

  end(endedMs?: number): void {
    this.#span.end(endedMs)
  }
}

class UnseenSpan implements Span {
  readonly recording = false
  readonly #context: SpanContext

  constructor(context: SpanContext) {
    this.#context = context
  }

  get context(): TraceContext {
    return contextOf(this.#context)
  }

  child(): Span {
    return this
  }

  set(): void {}

  failed(): void {}

  end(): void {}
}

function contextOf({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext {
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
  const tracestate = traceState?.serialize()
  return tracestate ? { traceparent, tracestate } : { traceparent }
}
