// Counts and times of tensor requests by version, for the statistics extension. On this replica and since its start: the
// fleet's figures are those of /metrics.
import type { InferReply } from '../../core/data-plane.ts'
import type { ModelStatistics, Spent } from '../../core/open-inference.ts'

interface Sum {
  count: number
  ms: number
}

interface Counters {
  readonly tenantId: string
  readonly modelId: string
  readonly name: string
  readonly version: string
  lastMs: number
  rows: number
  /** Shares of engine runs: a request that was a third of a batch counts as a third of a run. */
  runs: number
  readonly success: Sum
  readonly fail: Sum
  readonly queue: Sum
  readonly compute: Sum
  /** By the rows that the engine ran together. */
  readonly batches: Map<number, Sum>
}

/** Batch sizes that are told apart; a caller who sends every size there is must not fill the memory. */
const MOST_BATCH_SIZES = 256
const NS_A_MS = 1e6

export interface CountedVersion {
  readonly tenantId: string
  readonly modelId: string
  readonly modelName: string
  readonly version: string
}

export class TensorStatistics {
  readonly #counters = new Map<string, Counters>()

  succeeded(tenantId: string, { model, timings }: InferReply, request: { readonly rows: number; readonly at: number }) {
    const counters = this.#of({ ...model, tenantId })
    const share = Math.min(1, request.rows / Math.max(1, timings.batchRows))
    counters.lastMs = request.at
    counters.rows += request.rows
    counters.runs += share
    add(counters.success, timings.totalMs)
    add(counters.queue, timings.queueMs)
    add(counters.compute, timings.runMs)
    let batch = counters.batches.get(timings.batchRows)
    if (!batch && counters.batches.size < MOST_BATCH_SIZES) {
      batch = { count: 0, ms: 0 }
      counters.batches.set(timings.batchRows, batch)
    }
    if (batch) {
      batch.count += share
      batch.ms += timings.runMs * share
    }
  }

  failed(version: CountedVersion, elapsedMs: number): void {
    add(this.#of(version).fail, elapsedMs)
  }

  of(tenantId: string, version?: { readonly modelId: string; readonly version: string }): ModelStatistics[] {
    const found = [...this.#counters.values()].filter((one) => one.tenantId === tenantId)
    if (!version) return found.map(statisticsOf)
    return found.filter((one) => one.modelId === version.modelId && one.version === version.version).map(statisticsOf)
  }

  /** The figures of a version nobody has called yet. */
  static none({ modelName, version }: CountedVersion): ModelStatistics {
    return statisticsOf(fresh({ tenantId: '', modelId: '', modelName, version }))
  }

  #of(version: CountedVersion): Counters {
    const key = `${version.tenantId}/${version.modelId}/${version.version}`
    let counters = this.#counters.get(key)
    if (!counters) {
      counters = fresh(version)
      this.#counters.set(key, counters)
    }
    return counters
  }
}

function fresh({ tenantId, modelId, modelName, version }: CountedVersion): Counters {
  const sum = (): Sum => ({ count: 0, ms: 0 })
  return {
    tenantId,
    modelId,
    name: modelName,
    version,
    lastMs: 0,
    rows: 0,
    runs: 0,
    success: sum(),
    fail: sum(),
    queue: sum(),
    compute: sum(),
    batches: new Map(),
  }
}

function add(sum: Sum, ms: number): void {
  sum.count++
  sum.ms += ms
}

function statisticsOf(counters: Counters): ModelStatistics {
  return {
    name: counters.name,
    version: counters.version,
    lastInferenceMs: counters.lastMs,
    inferenceCount: counters.rows,
    executionCount: Math.round(counters.runs),
    success: spent(counters.success),
    fail: spent(counters.fail),
    queue: spent(counters.queue),
    compute: spent(counters.compute),
    batches: [...counters.batches]
      .sort(([a], [b]) => a - b)
      .map(([rows, compute]) => ({ rows, compute: spent(compute) })),
  }
}

function spent({ count, ms }: Sum): Spent {
  return { count: Math.round(count), ns: Math.round(ms * NS_A_MS) }
}
