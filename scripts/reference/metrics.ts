// docs/reference/metrics.md, from the registry.
import { createMetrics } from '../../src/core/metrics.ts'
import { code, page, table } from './markdown.ts'

interface Described {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labelNames?: readonly string[]
  readonly buckets?: readonly number[]
}

export function metricsPage(): string {
  const { registry } = createMetrics()
  const all = (registry.getMetricsAsArray() as unknown as Described[]).filter(({ name }) => name.startsWith('ml_'))
  const labels = (metric: Described) => metric.labelNames ?? []
  return page(
    '# Metrics',
    '`GET /metrics` answers in the text format of Prometheus. Durations are in seconds, sizes in bytes. Beside these come the ' +
      'usual `process_…` and `nodejs_…` metrics of the process.',
    table(
      ['Metric', 'Type', 'Labels', 'Meaning'],
      all.map((metric) => [code(metric.name), metric.type, labels(metric).map(code).join(', ') || '–', metric.help]),
    ),
  )
}
