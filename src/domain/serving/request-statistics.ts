// Counts and times of requests by version, whatever door they came through, for the statistics extension. On this replica and
// since its start: the fleet's figures are those of /metrics.
import type { ModelStatistics, Spent } from '../../core/open-inference.ts'
import type { PooledResult } from '../../runtime/index.ts'

export interface CountedVersion {
  readonly tenantId: string
  readonly modelId: string
  readonly modelName: string
  readonly version: string
}

export class RequestStatistics {
  readonly #byVersion = new Map<string, VersionStatistics>()
  /** The same by the record that a request comes with, which spares it the making of a key. */
  readonly #byRecord = new WeakMap<CountedVersion, VersionStatistics>()

  of(record: CountedVersion): VersionStatistics {
    let figures = this.#byRecord.get(record)
    if (!figures) {
      figures = this.find(record)
      this.#byVersion.set(keyOf(record), figures)
      this.#byRecord.set(record, figures)
    }
    return figures
  }

  /** The same for whoever only looks: a version that nobody has called stays out of the list. */
  find(record: CountedVersion): VersionStatistics {
    return this.#byVersion.get(keyOf(record)) ?? new VersionStatistics(record)
  }

  /** Of all versions that the tenant has called. */
  all(tenantId: string): VersionStatistics[] {
    return [...this.#byVersion.values()].filter(({ version }) => version.tenantId === tenantId)
  }
}

function keyOf({ tenantId, modelId, version }: CountedVersion): string {
  return `${tenantId}/${modelId}/${version}`
}

/** Batch sizes that are told apart; a caller who sends every size there is must not fill the memory. */
const MOST_BATCH_SIZES = 256

/** One run of the engine, from the side of a request that had rows in it. */
export interface CountedRun {
  readonly rows: number
  readonly atMs: number
  readonly result: Pick<PooledResult, 'batchRows' | 'queueMs' | 'runMs'>
}

export class VersionStatistics {
  readonly version: CountedVersion
  /** By which the runtime knows it; undefined before the first answer. */
  modelKey: string | undefined
  #lastMs = 0
  #rows = 0
  /** Shares of engine runs: a request that was a third of a batch counts as a third of a run. */
  #runs = 0
  readonly #success = new Sum()
  readonly #fail = new Sum()
  readonly #queue = new Sum()
  readonly #compute = new Sum()
  /** Answered without a run. */
  readonly #known = new Sum()
  /** By the rows that the engine ran together. */
  readonly #batches = new Map<number, Sum>()

  constructor(version: CountedVersion) {
    this.version = version
  }

  succeeded(elapsedMs: number): void {
    this.#success.add(elapsedMs)
  }

  failed(elapsedMs: number): void {
    this.#fail.add(elapsedMs)
  }

  known(elapsedMs: number): void {
    this.#known.add(elapsedMs)
  }

  ran({ rows, atMs, result: { batchRows, queueMs, runMs } }: CountedRun): void {
    const share = Math.min(1, rows / Math.max(1, batchRows))
    this.#lastMs = atMs
    this.#rows += rows
    this.#runs += share
    this.#queue.add(queueMs)
    this.#compute.add(runMs)
    let batch = this.#batches.get(batchRows)
    if (!batch && this.#batches.size < MOST_BATCH_SIZES) {
      batch = new Sum()
      this.#batches.set(batchRows, batch)
    }
    batch?.add(runMs, share)
  }

  /** @param memoryBytes what the version takes on this replica, of all its workers. */
  show(memoryBytes: number): ModelStatistics {
    return {
      name: this.version.modelName,
      version: this.version.version,
      lastInferenceMs: this.#lastMs,
      inferenceCount: this.#rows,
      executionCount: Math.round(this.#runs),
      success: this.#success.spent,
      fail: this.#fail.spent,
      queue: this.#queue.spent,
      compute: this.#compute.spent,
      cacheHit: this.#known.spent,
      batches: [...this.#batches].sort(([a], [b]) => a - b).map(([rows, { spent }]) => ({ rows, compute: spent })),
      memoryBytes,
    }
  }
}

const NS_A_MS = 1e6

class Sum {
  #count = 0
  #ms = 0

  add(ms: number, share = 1): void {
    this.#count += share
    this.#ms += ms * share
  }

  get spent(): Spent {
    return { count: Math.round(this.#count), ns: Math.round(this.#ms * NS_A_MS) }
  }
}
