// Traces by OpenTelemetry. The only way into its packages, and imported only where traces are enabled: they cost a tenth of a
// second at the start.
import { type DetectedResourceAttributes, defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { pause } from '../../core/backoff.ts'
import type { SamplerName, Tracer } from '../../core/trace.ts'
import { type ExporterOptions, QuietExporter } from './exporter.ts'
import { Roots } from './roots.ts'
import { samplerOf } from './sampler.ts'
import { beginSpan, belowRemote } from './span.ts'

export interface TraceOptions extends ExporterOptions {
  readonly sampler: SamplerName
  readonly ratio: number
  /** Of the process, such as `service.name`. */
  readonly resource: DetectedResourceAttributes
}

/** A few megabytes at most; beyond it spans are dropped. */
const MAX_QUEUE = 4096
const BATCH = 512
const EVERY_MS = 1000
/** Supervisors are impatient, and traces are not worth a killed process. */
const CLOSE_LIMIT_MS = 2000

export function openTraces({ sampler, ratio, resource, ...sending }: TraceOptions): Tracer {
  const processor = new BatchSpanProcessor({
    exporter: new QuietExporter(sending),
    maxQueueSize: MAX_QUEUE,
    maxExportBatchSize: BATCH,
    scheduledDelayMillis: EVERY_MS,
  })
  const roots = new Roots(sampler, ratio)
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes(resource)),
    sampler: samplerOf(sampler, ratio),
    idGenerator: roots,
    spanProcessors: [processor],
  })
  const tracer = provider.getTracer('modelyard')
  return {
    enabled: true,
    start(name, options = {}) {
      if (options.parent) return beginSpan(tracer, { ...options, name }, belowRemote(options.parent))
      return roots.unseen() ?? beginSpan(tracer, { ...options, name })
    },
    async close() {
      const late = new AbortController()
      await Promise.race([provider.shutdown().catch(() => {}), pause(CLOSE_LIMIT_MS, late.signal)])
      late.abort()
    },
  }
}
