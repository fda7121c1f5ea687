// Closed-loop load: so many requests are under way at any time, each answered one is followed by the next. Latencies are kept
// one by one, so percentiles are exact.
import { type Clock, systemClock } from '../../core/clock.ts'
import { asFailure } from '../../core/failure.ts'

export interface LoadOptions {
  readonly concurrency: number
  readonly warmUpMs: number
  readonly measureMs: number
  readonly clock?: Clock
}

export interface Measured {
  readonly requests: number
  readonly errors: number
  /** The first one's message. */
  readonly firstError: string | undefined
  readonly perSecond: number
  /** Milliseconds. */
  readonly latency: Readonly<Record<'mean' | 'p50' | 'p90' | 'p95' | 'p99' | 'p99.9' | 'max', number>>
}

/** @param send one request; rejects when it is not answered well. */
export async function applyLoad(send: () => Promise<void>, options: LoadOptions): Promise<Measured> {
  const { concurrency, warmUpMs, measureMs, clock = systemClock } = options
  const begin = clock.elapsedMs() + warmUpMs
  const end = begin + measureMs
  const latencies: number[] = []
  let errors = 0
  let firstError: string | undefined
  const worker = async () => {
    for (let started = clock.elapsedMs(); started < end; started = clock.elapsedMs()) {
      let failed = false
      try {
        await send()
      } catch (error) {
        failed = true
        firstError ??= asFailure(error).message
      }
      const now = clock.elapsedMs()
      if (now < begin || now > end) continue
      if (failed) errors++
      else latencies.push(now - started)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return {
    requests: latencies.length,
    errors,
    firstError,
    perSecond: round((latencies.length / measureMs) * 1000),
    latency: percentiles(latencies),
  }
}

export function percentiles(values: readonly number[]): Measured['latency'] {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0)
  const mean = sorted.length === 0 ? 0 : sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  return {
    mean: round(mean),
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    'p99.9': at(0.999),
    max: at(1),
  }
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}
