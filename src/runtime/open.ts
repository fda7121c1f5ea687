// The runtime: models by the sha256 of their file, counted by their holders, over a pool of worker threads.
import { stat } from 'node:fs/promises'
import { systemClock } from '../core/clock.ts'
import { Drain } from './drain.ts'
import { loadFailure } from './engine-failure.ts'
import { type Elsewhere, Inline } from './inline.ts'
import type { PoolModel } from './job.ts'
import { measureLoopShare } from './loop-share.ts'
import { Pool } from './pool.ts'
import type { PoolOptions } from './pool-options.ts'
import { releasedFailure } from './refusals.ts'
import type { SessionSource } from './session.ts'
import type { LoadedModel, ModelInfo, ModelSpec, Runtime, RuntimeOptions, RuntimeStatus } from './types.ts'

interface Entry {
  readonly key: string
  holds: number
  readonly loaded: Promise<{ readonly model: PoolModel; readonly info: ModelInfo }>
  /** Null while the file is still being found. */
  model: PoolModel | null
  info: ModelInfo | null
}

/** Starts the workers and returns at once; loads and runs wait until a worker is ready. */
export function openRuntime(
  options: RuntimeOptions &
    Pick<Partial<PoolOptions>, 'start' | 'clock' | 'atTurnsEnd'> &
    Partial<Pick<Elsewhere, 'loopShare'>>,
): Runtime {
  const pool = new Pool({
    runTimeoutMs: 5000,
    loadTimeoutMs: 60_000,
    batchRows: 32,
    maxWaitMs: 500,
    clock: systemClock,
    atTurnsEnd: setImmediate,
    ...options,
  })
  const inline = new Inline({
    inFlight: () => pool.inFlight,
    unneeded: (model) => pool.retire(model),
    loopShare: options.loopShare ?? measureLoopShare(),
  })
  const entries = new Map<string, Entry>()
  let modelCount = 0

  function startLoading(spec: ModelSpec): Entry {
    const load = async () => {
      const source = await toSource(spec.bytes)
      const { key, warmUp, trusted = false } = spec
      const model: PoolModel = {
        no: modelCount++,
        key,
        source,
        warmUp,
        trusted,
        pace: { runs: 0, runMs: 0, aloneMs: 0, togetherMs: 0 },
        drain: new Drain(),
        wishedAt: Number.NEGATIVE_INFINITY,
        pending: 0,
        loading: 0,
        stuck: 0,
        retired: false,
        perRow: undefined,
        bulky: false,
      }
      entry.model = model
      try {
        entry.info = await pool.load(model)
        return { model, info: entry.info }
      } catch (error) {
        pool.retire(model)
        throw error
      }
    }
    const entry: Entry = { key: spec.key, holds: 0, model: null, info: null, loaded: Promise.resolve().then(load) }
    entries.set(spec.key, entry)
    return entry
  }

  function letGo(entry: Entry): void {
    entry.holds--
    if (entry.holds > 0) return
    forget(entry)
    if (entry.model === null) return
    pool.retire(entry.model)
    inline.forget(entry.model)
  }

  function forget(entry: Entry): void {
    if (entries.get(entry.key) === entry) entries.delete(entry.key)
  }

  return {
    async load(spec) {
      const entry = entries.get(spec.key) ?? startLoading(spec)
      entry.holds++
      try {
        const { model, info } = await entry.loaded
        return hold({ pool, inline, model, info, letGo: () => letGo(entry) })
      } catch (error) {
        forget(entry) // the next attempt starts afresh
        throw error
      }
    },
    get workers() {
      return pool.seats.length
    },
    status: () => statusOf(pool, [...entries.values()]),
    close: () => pool.close(),
  }
}

interface Held {
  readonly pool: Pool
  readonly inline: Inline
  readonly model: PoolModel
  readonly info: ModelInfo
  readonly letGo: () => void
}

function hold({ pool, inline, model, info, letGo }: Held): LoadedModel {
  let released = false
  return {
    key: model.key,
    info,
    run(feeds, options = {}) {
      if (released) return Promise.reject(releasedFailure())
      const request = { model, info, feeds, options }
      return inline.tryRun(request) ?? pool.submit(request, inline.company)
    },
    refusedWaitMs: (tenant) => (released ? undefined : pool.runs.refusedWaitMs(model, tenant)),
    async release() {
      if (released) return
      released = true
      letGo()
    },
  }
}

function statusOf(pool: Pool, entries: readonly Entry[]): RuntimeStatus {
  const models = entries.flatMap(({ key, model, info, holds }) => {
    if (model === null || info === null) return []
    const workers = pool.seats.filter((seat) => seat.held.has(model)).length
    return [{ key, bytes: info.bytes, holds, workers }]
  })
  return {
    workers: pool.seats.length,
    busy: pool.seats.filter((seat) => seat.job !== null).length,
    queued: pool.queued,
    models,
    gpuAvailable: pool.gpuAvailable,
    memoryBytes: models.reduce((sum, model) => sum + model.bytes * model.workers, 0),
    replaced: pool.replaced,
    recycled: pool.recycled,
    abandoned: pool.abandoned,
  }
}

async function toSource(bytes: ModelSpec['bytes']): Promise<SessionSource> {
  if (bytes instanceof Uint8Array) return bytes
  try {
    return { path: bytes.path, bytes: (await stat(bytes.path)).size }
  } catch (error) {
    throw loadFailure(error)
  }
}
