// What is sampled goes to a collector by OTLP over HTTP. A collector that is away costs nobody anything: what does not fit the
// queue is dropped, and the log says it once, and once more when spans arrive again.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import type { Log } from '../../core/log.ts'

export interface ExporterOptions {
  /** Of the collector, whole: `http://localhost:4318/v1/traces`. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** To send a batch, repetitions included. */
  readonly timeoutMs: number
  readonly log: Log
}

type Done = Parameters<SpanExporter['export']>[1]

export class QuietExporter implements SpanExporter {
  readonly #inner: OTLPTraceExporter
  readonly #log: Log
  readonly #place: string
  #failing = false
  #dropped = 0

  constructor({ url, headers, timeoutMs, log }: ExporterOptions) {
    this.#inner = new OTLPTraceExporter({
      url,
      headers: { ...headers },
      timeoutMillis: timeoutMs,
      concurrencyLimit: 4,
    })
    this.#log = log
    const { origin, pathname } = new URL(url)
    this.#place = origin + pathname
  }

  export(spans: ReadableSpan[], done: Done): void {
    this.#inner.export(spans, (result) => {
      if (result.error === undefined) this.#sent()
      else this.#lost(spans.length, result.error)
      done(result)
    })
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown()
  }

  #sent(): void {
    if (!this.#failing) return
    this.#failing = false
    this.#log.info({ collector: this.#place, spans_lost: this.#dropped }, 'traces are sent again')
    this.#dropped = 0
  }

  #lost(spans: number, error: Error): void {
    this.#dropped += spans
    if (this.#failing) return
    this.#failing = true
    const words = 'traces cannot be sent and are dropped until they can; this is said once'
    this.#log.warn({ collector: this.#place, reason: error.message || error.name }, words)
  }
}
