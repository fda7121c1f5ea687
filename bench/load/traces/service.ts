// The service of bench/load/traces.ts, where asked without its metrics too: they are always on, so here they are made to count
// nothing.
import { Counter, Gauge, Histogram } from 'prom-client'

if (process.argv[3] === 'without metrics') {
  const nothing = () => {}
  for (const kind of [Counter.prototype, Gauge.prototype]) Object.assign(kind, { inc: nothing, set: nothing })
  Object.assign(Histogram.prototype, { observe: nothing })
}
await import('../serving/service.ts')
