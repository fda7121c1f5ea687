// One version of a model, ready to be called: loaded on first use or ahead of it, let go once nobody uses it any more.
import { createHash } from 'node:crypto'
import type { ModelType, Signature } from '../../contract/models.ts'
import { asFailure, fail } from '../../core/failure.ts'
import type { LoadedModel } from '../../runtime/index.ts'
import type { Services } from '../ctx.ts'
import { compileRowReader, type RowReader } from './input.ts'
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
  readonly sha256: string
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
  /** Runs `work` with the model loaded; it is not let go before `work` has ended. */
  use<T>(work: (ready: ReadyVersion) => Promise<T>): Promise<T>
}

/** Of versions whose file was never registered: whatever lies there is served. */
export const UNKNOWN_SHA256 = ''

type Needs = Pick<Services, 'objects' | 'runtime' | 'metrics' | 'clock' | 'log'>

export class ServedVersion implements Served {
  readonly record: VersionRecord
  readonly #needs: Needs
  #loading: Promise<ReadyVersion> | undefined
  #ready: ReadyVersion | undefined
  #users = 0
  #retired = false
  #unloading = false

  constructor(needs: Needs, record: VersionRecord) {
    this.#needs = needs
    this.record = record
  }

  get ready(): ReadyVersion | undefined {
    return this.#ready
  }

  /** Loads and warms once, however many ask; a failed load is tried again by the next caller. */
  load(): Promise<ReadyVersion> {
    this.#unloading = false
    this.#loading ??= this.#fetch().catch((error: unknown) => {
      this.#loading = undefined
      throw error
    })
    return this.#loading
  }

  async use<T>(work: (ready: ReadyVersion) => Promise<T>): Promise<T> {
    this.#users++
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
    const { tenantId, modelName, version } = this.record
    this.#needs.metrics.modelMemory.remove({ tenant: tenantId, model: modelName, version })
    loading
      .then(({ model }) => model.release())
      .catch((error: unknown) => this.#needs.log.warn({ err: error, model: modelName, version }, 'release failed'))
  }

  async #fetch(): Promise<ReadyVersion> {
    const { objects, runtime, metrics, clock } = this.#needs
    const { artifactKey, sha256, tenantId, modelName, version } = this.record
    const started = clock.elapsedMs()
    const chunks: Uint8Array[] = []
    for await (const chunk of await objects.get(artifactKey)) chunks.push(chunk as Uint8Array)
    const bytes = Buffer.concat(chunks)
    const found = createHash('sha256').update(bytes).digest('hex')
    if (sha256 !== UNKNOWN_SHA256 && found !== sha256) {
      throw fail(
        'unavailable',
        'ARTIFACT_DAMAGED',
        `The stored file of ${modelName} ${version} is not the one registered`,
      )
    }
    const model = await runtime.load({ key: found, bytes })
    const reader = await this.#warmUp(model)
    metrics.modelLoadTime.observe({ tenant: tenantId, model: modelName }, (clock.elapsedMs() - started) / 1000)
    metrics.modelMemory.set({ tenant: tenantId, model: modelName, version }, bytes.length)
    this.#ready = { model, reader }
    return this.#ready
  }

  /** As many runs at once as there are workers, so that each of them has the model loaded and its buffers made. */
  async #warmUp(model: LoadedModel): Promise<RowReader> {
    try {
      const { signature, modelName, modelType } = this.record
      const custom = modelType === 'custom'
      const reader = custom ? tensorsOnly(modelName, model.info) : compileRowReader(signature, model.info)
      const { workers } = this.#needs.runtime.status()
      const runs = Array.from({ length: workers }, () => model.run(reader.sample))
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

function refusalOnly(error: unknown): void {
  if (asFailure(error).kind !== 'invalid') throw error
}
