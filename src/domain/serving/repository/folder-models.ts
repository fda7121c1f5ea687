// What is live in repository mode: the version that CURRENT names, for every model of a folder or bucket. Followed by looking;
// a new version is loaded and warm before it is swapped in, and one that does not load leaves the old one in place.

import { DEFAULT_ENVIRONMENT } from '../../../contract/models.ts'
import { backoffMs, pause } from '../../../core/backoff.ts'
import { fail, notFound } from '../../../core/failure.ts'
import { LiveModels } from '../live-models.ts'
import type { ServingServices } from '../residents.ts'
import { ServedVersion, type VersionRecord } from '../served-version.ts'
import { Known, type ModelFolder, scanModels } from './scan.ts'

const LOOK_EVERY_MS = 2_000
/** To look at thousands of models is work for the event loop and the disk or bucket: the pause after it is so many times as long. */
const REST = 20
const LONGEST_REST_MS = 60_000

interface FollowedModel {
  readonly folder: ModelFolder
  /** The version that answers; the one before while the one named by CURRENT is not there, or does not load. */
  readonly served: ServedVersion | undefined
}

export class FolderModels extends LiveModels {
  readonly #needs: ServingServices
  readonly #known = new Known()
  readonly #stopped = new AbortController()
  #models: ReadonlyMap<string, FollowedModel> | undefined
  /** By tenant and name; of several with one name, the first. */
  #named: ReadonlyMap<string, ModelFolder> = new Map()
  /** By tenant; undefined where several are live. */
  #only: ReadonlyMap<string, ServedVersion | undefined> = new Map()
  /** What did not load. A file that changes makes another record. */
  readonly #failed = new WeakMap<VersionRecord, { readonly times: number; readonly againAtMs: number }>()
  #looks = 0
  #restMs = LOOK_EVERY_MS
  #looking: Promise<void> | undefined
  /** The look after that, where somebody waits for it. */
  #next: Promise<void> | undefined

  constructor(services: ServingServices) {
    super(services, () => {})
    this.#needs = services
  }

  override get revision(): number {
    return this.#looks
  }

  override get known(): boolean {
    return this.#models !== undefined
  }

  override get size(): number {
    return this.#live().length
  }

  override get anyReady(): boolean {
    return this.#live().some((served) => served.ready !== undefined)
  }

  override find(tenantId: string, idOrName: string, environment: string): ServedVersion | undefined {
    const found = environment === DEFAULT_ENVIRONMENT ? this.#folder(tenantId, idOrName) : undefined
    return found && this.#models?.get(`${tenantId}/${found.modelId}`)?.served
  }

  /** Why there is none. @throws `not_found` MODEL_NOT_FOUND, `conflict` MODEL_NOT_DEPLOYED */
  refuse(tenantId: string, idOrName: string, environment: string): never {
    const { wanted } = this.folder(tenantId, idOrName)
    const named = wanted && environment === DEFAULT_ENVIRONMENT ? `"${wanted}", of which no file can be read` : 'none'
    throw fail(
      'conflict',
      'MODEL_NOT_DEPLOYED',
      `No version of "${idOrName}" is live in "${environment}": CURRENT names ${named}`,
    )
  }

  override findVersion(tenantId: string, modelId: string, version: string): ServedVersion | undefined {
    const served = this.#models?.get(`${tenantId}/${modelId}`)?.served
    return served?.record.version === version ? served : undefined
  }

  override only(tenantId: string): ServedVersion | undefined {
    return this.#only.get(tenantId)
  }

  /** By id or name. @throws `not_found` MODEL_NOT_FOUND */
  folder(tenantId: string, idOrName: string): ModelFolder {
    const found = this.#folder(tenantId, idOrName)
    if (!found) throw notFound('model', idOrName)
    return found
  }

  #folder(tenantId: string, idOrName: string): ModelFolder | undefined {
    const key = `${tenantId}/${idOrName}`
    return this.#models?.get(key)?.folder ?? this.#named.get(key)
  }

  folders(tenantId: string): ModelFolder[] {
    return [...(this.#models?.values() ?? [])].map(({ folder }) => folder).filter((one) => one.tenantId === tenantId)
  }

  /** @throws `not_found` VERSION_NOT_FOUND */
  record(tenantId: string, idOrName: string, version: string): VersionRecord {
    const record = this.folder(tenantId, idOrName).versions.get(version)
    if (!record) throw notFound('version', version)
    return record
  }

  override refresh(): Promise<void> {
    if (this.#next) return this.#next
    if (!this.#looking) return this.#lookNow()
    // The one under way may have seen the folder before the caller changed it.
    const lookNow = () => this.#lookNow()
    this.#next = this.#looking.then(lookNow, lookNow)
    return this.#next
  }

  #lookNow(): Promise<void> {
    this.#next = undefined
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  override async start(): Promise<void> {
    const { log } = this.#needs
    const { signal } = this.#stopped
    const look = () =>
      this.refresh().catch((error: unknown) =>
        log.warn({ err: error }, 'the repository cannot be read; it is tried again'),
      )
    await look()
    void (async () => {
      while (!signal.aborted) {
        await pause(this.#restMs, signal)
        if (!signal.aborted) await look()
      }
    })()
  }

  override async stop(): Promise<void> {
    this.#stopped.abort()
    for (const served of this.#live()) served.retire()
    this.#models = undefined
    this.#named = new Map()
    this.#only = new Map()
  }

  #live(): ServedVersion[] {
    return [...(this.#models?.values() ?? [])].flatMap(({ served }) => served ?? [])
  }

  async #look(): Promise<void> {
    const { clock } = this.#needs
    const started = clock.elapsedMs()
    const folders = await scanModels(this.#needs, this.#known)
    this.#restMs = Math.min(LONGEST_REST_MS, Math.max(LOOK_EVERY_MS, REST * (clock.elapsedMs() - started)))
    const before = this.#models
    const next = new Map<string, FollowedModel>()
    for (const folder of folders) {
      const key = `${folder.tenantId}/${folder.modelId}`
      next.set(key, { folder, served: await this.#follow(folder, before?.get(key)) })
    }
    if (this.#stopped.signal.aborted) return
    this.#models = next
    this.#named = new Map(folders.toReversed().map((one) => [`${one.tenantId}/${one.modelName}`, one]))
    this.#looks++
    const live = this.#live()
    this.#only = onlyOnes(live)
    const kept = new Set(live)
    for (const { served } of before?.values() ?? []) if (served && !kept.has(served)) served.retire()
  }

  async #follow({ modelName, current, wanted, versions }: ModelFolder, before: FollowedModel | undefined) {
    const record = current === undefined ? undefined : versions.get(current)
    const served = before?.served
    // Who removes CURRENT takes the model away; one that names what is not there was written too early, or only in part.
    if (!record) {
      if (wanted !== undefined && served && wanted !== before.folder.wanted) {
        const keeps = served.record.version
        this.#needs.log.warn({ model: modelName, wanted, keeps }, 'CURRENT names a version that is not there')
      }
      return wanted === undefined ? undefined : served
    }
    if (served?.record === record) return served
    const { clock } = this.#needs
    const failed = this.#failed.get(record)
    if (served && failed && clock.elapsedMs() < failed.againAtMs) return served
    const fresh = new ServedVersion(this.#needs, record)
    // At the start, what does not fit the memory is left to those who ask for it.
    if (!served && !this.#needs.residents.roomy) return fresh
    try {
      await fresh.load()
      return fresh
    } catch (error) {
      const { modelName, version } = record
      // Its file is read as a whole each time, perhaps from a bucket.
      const times = (failed?.times ?? 0) + 1
      const restMs = backoffMs(times, { initialMs: LOOK_EVERY_MS, maxMs: LONGEST_REST_MS })
      this.#failed.set(record, { times, againAtMs: clock.elapsedMs() + restMs })
      this.#needs.log.error({ err: error, model: modelName, version }, 'model does not load')
      // At the start there is nothing to keep: callers are told by the version itself why it does not load.
      return served ?? fresh
    }
  }
}

function onlyOnes(live: readonly ServedVersion[]): Map<string, ServedVersion | undefined> {
  const only = new Map<string, ServedVersion | undefined>()
  for (const served of live) {
    const { tenantId } = served.record
    only.set(tenantId, only.has(tenantId) ? undefined : served)
  }
  return only
}
