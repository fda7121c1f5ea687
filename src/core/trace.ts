// Traces, as the rest of the code knows them: a span is handed on in `ctx` like everything else (nothing is looked up behind the
// scenes), and a service that keeps no traces has one span that does nothing. What sends them lies in src/ports/traces.
import type { Caller } from './caller.ts'
import { asFailure } from './failure.ts'

/** Of the OpenTelemetry specification (OTEL_TRACES_SAMPLER). */
export const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const
export type SamplerName = (typeof SAMPLERS)[number]

/** As W3C Trace Context writes it down: for headers, events and the rows of jobs. */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate?: string
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>

export interface SpanOptions {
  /** Default: internal. */
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  readonly attributes?: SpanAttributes
  /** On the clock's `elapsedMs`; default now. */
  readonly startedMs?: number
}

export interface Span {
  /** False: nobody will see it, and what would be dear to say of it need not be found out. */
  readonly recording: boolean
  /** To hand on, sampled or not; none where no traces are kept. */
  readonly context: TraceContext | undefined
  child(name: string, options?: SpanOptions): Span
  set(attributes: SpanAttributes): void
  /** Its failure by code; a caller's mistake does not make the span a faulty one. */
  failed(error: unknown): void
  /** @param endedMs on the clock's `elapsedMs`; default now. */
  end(endedMs?: number): void
}

export interface StartOptions extends SpanOptions {
  /** Where it comes from: who asked, or who submitted the job. */
  readonly parent?: TraceContext | undefined
}

export interface Tracer {
  /** False: every span is NO_SPAN. */
  readonly enabled: boolean
  /** The first span of this process for a request or a job. */
  start(name: string, options?: StartOptions): Span
  /** Sends what is left, for a bounded time. */
  close(): Promise<void>
}

export const NO_SPAN: Span = {
  recording: false,
  context: undefined,
  child: () => NO_SPAN,
  set() {},
  failed() {},
  end() {},
}

export const NO_TRACER: Tracer = { enabled: false, start: () => NO_SPAN, close: async () => {} }

/** Version, trace, parent, flags; versions to come may say more behind them. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:$|-)/
const PLAIN_LENGTH = 55
/** As much as the standard asks to hand on. */
const MAX_TRACESTATE = 512

/** What the asker handed on, by lower-case names; what breaks the standard counts as nothing. */
export function traceContextOf({
  traceparent,
  tracestate,
}: Readonly<Record<string, unknown>>): TraceContext | undefined {
  if (typeof traceparent !== 'string' || !TRACEPARENT.test(traceparent)) return undefined
  if (traceparent.startsWith('00') && traceparent.length > PLAIN_LENGTH) return undefined
  const state = typeof tracestate === 'string' && tracestate.length <= MAX_TRACESTATE ? tracestate : ''
  return state === '' ? { traceparent } : { traceparent, tracestate: state }
}

/** Under these names a trace is found from its log lines. */
export function logFieldsOf({ context }: Span): Readonly<Record<string, string>> {
  if (context === undefined) return {}
  const [, trace_id = '', span_id = ''] = context.traceparent.split('-')
  return { trace_id, span_id }
}

export function callerAttributes({ tenantId, requestId }: Pick<Caller, 'tenantId' | 'requestId'>): SpanAttributes {
  return { 'modelyard.tenant': tenantId, 'modelyard.request_id': requestId }
}

/** Stands for a span of elsewhere in what is done in its name, such as the events of a job. */
export function carried(context: TraceContext | undefined): Span {
  if (context === undefined) return NO_SPAN
  const span: Span = { ...NO_SPAN, context, child: () => span }
  return span
}

interface Traced {
  readonly span: Span
}

/** Runs `work` as a span of its own, of which its ctx knows; without one where nobody will see it. */
export async function inSpan<C extends Traced, T>(
  ctx: C,
  { name, ...options }: SpanOptions & { readonly name: string },
  work: (ctx: C) => T | Promise<T>,
): Promise<T> {
  if (!ctx.span.recording) return work(ctx)
  return ended(ctx.span.child(name, options), (span) => work({ ...ctx, span }))
}

/** Runs `work`, and ends the span with it. */
export async function ended<T>(span: Span, work: (span: Span) => T | Promise<T>): Promise<T> {
  try {
    return await work(span)
  } catch (error) {
    span.failed(error)
    throw error
  } finally {
    span.end()
  }
}

/** Whether a failure is the service's own, which makes its span a faulty one. */
export function isFault(error: unknown): boolean {
  const { kind } = asFailure(error)
  return kind === 'internal' || kind === 'unavailable'
}
