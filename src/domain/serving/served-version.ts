// One version of a model, ready to be called: loaded on first use or ahead of it, let go once nobody uses it any more.
import { createHash } from 'node:crypto'
import type { ModelType, Signature } from '../../contract/models.ts'
import { asFailure, fail } from '../../core/failure.ts'
import type { LoadedModel } from '../../runtime/index.ts'
import type { Services } from '../ctx.ts'
import { requireSelfContained, type ServingSettings, takesTensors } from '../models/index.ts'
import { compileRowReader, type RowReader } from './input.ts'
import { readModel } from './read-object.ts'
import type { Resident, Residents } from './residents.ts'
import { tensorsOnly } from './tensors-only.ts'
import type { Arm } from './traffic/arm.ts'

/** What the registry says of a version; everything that is needed to load and call it. */
export interface VersionRecord {
  readonly tenantId: string
  readonly modelId: string
  readonly modelName: string
  readonly modelType: ModelType
  readonly version: string
  readonly signature: Signature
  readonly artifactKey: string
  /** Set where the file lies in a folder of MLflow, which begins its keys and ends in `/`. */
  readonly mlflow?: string
  readonly sha256: string
  /** Trained by this service, not imported. */
  readonly ownGraph: boolean
  /** False: imported, and nobody has vouched for it; it runs in a process of its own. */
  readonly trusted: boolean
  readonly settings: ServingSettings
}

export interface ReadyVersion {
  readonly model: LoadedModel
  readonly reader: RowReader
}

/** What a request is handed to be answered by: a version, or a version in an arm of a roll-out. */
export interface Served {
  readonly record: VersionRecord
  /** The loaded model, where it is loaded already; lets the hot path skip a promise. */
  readonly ready: ReadyVersion | undefined
  /** Absent where traffic is not split. */
  readonly arm?: Arm
  readonly settings: ServingSettings
  /** A running median of what a row takes of the engine, in milliseconds; 0 before the first. */
  readonly typicalMs: number
  /** A row took this much of a run. */
  note(rowMs: number): void
  /** Runs `work` with the model loaded; it is not let go before `work` has ended. */
  use<T>(work: (ready: ReadyVersion) => Promise<T>): Promise<T>
}

/** Of versions whose file was never registered: whatever lies there is served. */
export const UNKNOWN_SHA256 = ''

type Needs = Pick<Services, 'objects' | 'runtime' | 'metrics' | 'clock' | 'log'> & { readonly residents: Residents }

export class ServedVersion implements Served, Resident {
  readonly record: VersionRecord
  /** Follows the registry without a new load. */
  settings: ServingSettings
  typicalMs = 0
  usedAt = 0
  readonly #needs: Needs
  #loading: Promise<ReadyVersion> | undefined
  #ready: ReadyVersion | undefined
  #users = 0
  #retired = false
  #unloading = false

  constructor(needs: Needs, record: VersionRecord) {
    this.#needs = needs
    this.record = record
    this.settings = record.settings
  }

  get ready(): ReadyVersion | undefined {
    return this.#ready
  }

  note(rowMs: number): void {
    if (this.typicalMs === 0) this.typicalMs = rowMs
    else this.typicalMs *= rowMs > this.typicalMs ? 1.05 : 1 / 1.05
  }

  /** Loads and warms once, however many ask; a failed load is tried again by the next caller. */
  load(): Promise<ReadyVersion> {
    this.#unloading = false
    this.#loading ??= this.#startLoading()
    return this.#loading
  }

  #startLoading(): Promise<ReadyVersion> {
    const loading = this.#fetch()
    // It may have been let go of, and even begun again, before it ends.
    const ended = (ready: ReadyVersion | undefined) => {
      if (this.#loading !== loading) return
      if (ready) this.#enter(ready)
      else this.#loading = undefined
    }
    loading.then(ended, () => ended(undefined))
    return loading
  }

  #enter(ready: ReadyVersion): void {
    const { residents, metrics } = this.#needs
    const { tenantId, modelName, version } = this.record
    const { bytes } = ready.model.info
    this.#ready = ready
    this.usedAt = residents.use()
    metrics.modelMemory.set({ tenant: tenantId, model: modelName, version }, bytes)
    residents.entered(this, bytes)
  }

  async use<T>(work: (ready: ReadyVersion) => Promise<T>): Promise<T> {
    this.#users++
    this.usedAt = this.#needs.residents.use()
    try {
      return await work(this.#ready ?? (await this.load()))
    } finally {
      this.#users--
      if (this.#retired || this.#unloading) this.#releaseWhenIdle()
    }
  }

  /** No new callers come; the model is let go when the last one has its answer. */
  retire(): void {
    this.#retired = true
    this.#releaseWhenIdle()
  }

  /** Out of memory as soon as nobody uses it; the next caller loads it again. */
  unload(): void {
    this.#unloading = true
    this.#releaseWhenIdle()
  }

  #releaseWhenIdle(): void {
    if (this.#users > 0 || !this.#loading) return
    const loading = this.#loading
    this.#loading = undefined
    this.#ready = undefined
    this.#needs.residents.left(this)
    const { tenantId, modelName, version } = this.record
    this.#needs.metrics.modelMemory.remove({ tenant: tenantId, model: modelName, version })
    loading
      .then(({ model }) => model.release())
      .catch((error: unknown) => this.#needs.log.warn({ err: error, model: modelName, version }, 'release failed'))
  }

  async #fetch(): Promise<ReadyVersion> {
    const { objects, runtime, metrics, clock } = this.#needs
    const { sha256, tenantId, modelName, version, ownGraph, trusted } = this.record
    const started = clock.elapsedMs()
    const bytes = await readModel(objects, this.record)
    if (bytes === undefined) {
      throw fail('unavailable', 'ARTIFACT_MISSING', `The stored file of ${modelName} ${version} is gone`)
    }
    const found = createHash('sha256').update(bytes).digest('hex')
    if (sha256 !== UNKNOWN_SHA256 && found !== sha256) {
      throw fail(
        'unavailable',
        'ARTIFACT_DAMAGED',
        `The stored file of ${modelName} ${version} is not the one registered`,
      )
    }
    if (sha256 === UNKNOWN_SHA256) requireSelfContained(bytes)
    const model = await runtime.load({ key: found, bytes, trusted: ownGraph, isolated: !trusted })
    const reader = await this.#warmUp(model)
    metrics.modelLoadTime.observe({ tenant: tenantId, model: modelName }, (clock.elapsedMs() - started) / 1000)
    return { model, reader }
  }

  /** As many runs at once as there are workers, so that each of them has the model loaded and its buffers made. */
  async #warmUp(model: LoadedModel): Promise<RowReader> {
    try {
      const { signature, modelName, modelType } = this.record
      const custom = takesTensors(modelType)
      const reader = custom ? tensorsOnly(modelName, model.info) : compileRowReader(signature, model.info)
      const { workers } = this.#needs.runtime
      const runs = Array.from({ length: workers }, () => model.run(reader.sample, PATIENT))
      // Nobody knows which values such a model takes, so one that refuses zeros is warm enough.
      if (custom) await Promise.all(runs.map((run) => run.catch(refusalOnly)))
      else await Promise.all(runs)
      return reader
    } catch (error) {
      await model.release()
      throw error
    }
  }
}

/** A rush for other models must not keep a new one away. */
const PATIENT = { patience: 'until the deadline' } as const

function refusalOnly(error: unknown): void {
  if (asFailure(error).kind !== 'invalid') throw error
}
