import fc from 'fast-check'
import { Counter, Histogram, type Metric, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { Counters, Histograms } from './series.ts'

const about = { help: 'Something.', labelNames: ['model', 'status'] as const }
const labels = fc.record({
  model: fc.constantFrom('a', 'b', 'a,b', 'say "hi"', 'c\\d'),
  status: fc.constantFrom('2xx', '5xx'),
})
const buckets = [0.5, 1, 2.5]

function shown(...metrics: object[]): Promise<string> {
  const registry = new Registry()
  for (const metric of metrics) registry.registerMetric(metric as Metric)
  return registry.metrics()
}

describe('series kept by those who count', () => {
  it('are shown as those of prom-client are', async () => {
    const value = fc.oneof(fc.constantFrom(0, 0.5, 1, 2.5, 100), fc.double({ min: 0, max: 4, noNaN: true }))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(labels, value), { maxLength: 20 }), async (seen) => {
        const [counters, histograms] = [
          new Counters({ name: 'some_total', ...about }),
          new Histograms({ name: 'seconds', ...about, buckets }),
        ]
        const theirs = [
          new Counter({ name: 'some_total', ...about, registers: [] }),
          new Histogram({ name: 'seconds', ...about, buckets, registers: [] }),
        ] as const
        for (const [labels, value] of seen) {
          counters.of(labels).inc()
          histograms.of({ ...labels }).observe(value)
          theirs[0].inc(labels)
          theirs[1].observe(labels, value)
        }
        expect(await shown(counters, histograms)).toBe(await shown(...theirs))
      }),
    )
  })
})
