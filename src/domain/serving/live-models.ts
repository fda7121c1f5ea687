// What is live, in memory: predictions touch no database. A replica follows the database's revision number; it is told of
// changes and also polls, so a lost message delays and never corrupts. New versions are loaded and warm before they are
// swapped in; a version that fails to load leaves the old one in place.
import { setTimeout as sleep } from 'node:timers/promises'
import { pause } from '../../core/backoff.ts'
import { asFailure, type MlError } from '../../core/failure.ts'
import { FailedLoads } from './failed-loads.ts'
import { type FoundRollout, type LiveRow, readLive, readRevision, readRollouts } from './registry-rows.ts'
import type { ServingServices } from './residents.ts'
import { type Served, ServedVersion, type VersionRecord } from './served-version.ts'
import { type Asking, LiveRollout } from './traffic/live-rollout.ts'

const POLL_MS = 2_000
const LOADS_AT_A_TIME = 2
/** How long stopping waits for a look that loads many models. */
const LAST_LOOK_MS = 5_000

/** Everything live at one revision; replaced as a whole, so a reader never sees half of a change. */
interface Snapshot {
  readonly revision: number
  /** `tenant/environment/model id or name` → version. */
  readonly byReference: ReadonlyMap<string, ServedVersion>
  /** `tenant/environment/` → the version, where only one is live there. */
  readonly only: ReadonlyMap<string, ServedVersion | undefined>
  /** `tenant/model id/version` → version; environments share one. */
  readonly versions: ReadonlyMap<string, ServedVersion>
  /** `tenant/environment/model id` → the roll-out beside the live version. */
  readonly rollouts: ReadonlyMap<string, LiveRollout>
}

/** What was found at a look, loaded as far as it can be. */
interface Followed {
  readonly revision: number
  readonly rows: readonly LiveRow[]
  readonly rollouts: readonly FoundRollout[]
  readonly versions: Map<string, ServedVersion>
  readonly failed: ReadonlyMap<string, MlError>
}

const NOTHING: Snapshot = {
  revision: -1,
  byReference: new Map(),
  only: new Map(),
  versions: new Map(),
  rollouts: new Map(),
}

export class LiveModels {
  readonly #services: ServingServices
  readonly #failed: FailedLoads
  #snapshot: Snapshot = NOTHING
  #refreshing: Promise<void> | undefined
  #again = false
  #stop: (() => Promise<void>) | undefined

  readonly #onChange: () => void

  /** `onChange` is called when another revision was found. */
  constructor(services: ServingServices, onChange: () => void) {
    this.#services = services
    this.#failed = new FailedLoads(services.clock)
    this.#onChange = onChange
  }

  get revision(): number {
    return this.#snapshot.revision
  }

  /** Whether the registry was ever read. */
  get known(): boolean {
    return this.#snapshot.revision >= 0
  }

  get size(): number {
    return this.#snapshot.versions.size
  }

  get anyReady(): boolean {
    for (const served of this.#snapshot.versions.values()) if (served.ready) return true
    return false
  }

  find(tenantId: string, idOrName: string, environment: string): ServedVersion | undefined {
    return this.#snapshot.byReference.get(referenceKey(tenantId, environment, idOrName))
  }

  findVersion(tenantId: string, modelId: string, version: string): ServedVersion | undefined {
    return this.#snapshot.versions.get(versionKey(tenantId, modelId, version))
  }

  /** The version that answers this request: the live one, or the one that is rolled out beside it. */
  assign(live: ServedVersion, environment: string, asking: Asking): Served {
    const { rollouts } = this.#snapshot
    if (rollouts.size === 0) return live
    const { tenantId, modelId } = live.record
    return rollouts.get(referenceKey(tenantId, environment, modelId))?.assign(live, asking) ?? live
  }

  /** Whether a canary answers a part of the requests. */
  isDivided({ record: { tenantId, modelId } }: ServedVersion, environment: string): boolean {
    return this.#snapshot.rollouts.get(referenceKey(tenantId, environment, modelId))?.row.kind === 'canary'
  }

  get rollouts(): readonly LiveRollout[] {
    return [...this.#snapshot.rollouts.values()]
  }

  /** The only model a tenant has live in the environment; undefined when there are none or several. */
  only(tenantId: string, environment: string): ServedVersion | undefined {
    return this.#snapshot.only.get(referenceKey(tenantId, environment, ''))
  }

  /** Brings this replica up to what is committed at the time of the call. Concurrent calls share the work. */
  refresh(): Promise<void> {
    if (this.#refreshing) {
      // The one under way may have read before the caller's change was committed: run once more after it.
      this.#again = true
      return this.#refreshing
    }
    this.#refreshing = this.#refreshUntilQuiet().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #refreshUntilQuiet(): Promise<void> {
    do {
      this.#again = false
      await this.#refreshOnce()
    } while (this.#again)
  }

  async #refreshOnce(): Promise<void> {
    const { db } = this.#services
    const current = this.#snapshot
    const found = await db.system(async (tx) => {
      const revision = await readRevision(tx)
      if (revision === current.revision && !this.#failed.due) return undefined
      return { revision, rows: await readLive(tx), rollouts: await readRollouts(tx) }
    })
    if (!found) return
    if (found.revision !== current.revision) this.#onChange()
    const first = current === NOTHING
    const versions = new Map<string, ServedVersion>()
    const failed = new Map<string, MlError>()
    const fresh: ServedVersion[] = []
    for (const row of [...found.rows, ...found.rollouts.map(({ challenger }) => challenger)]) {
      const key = versionKey(row.tenantId, row.modelId, row.version)
      if (versions.has(key)) continue
      const known = current.versions.get(key)
      const reusable = known && isCurrent(known, row) ? known : undefined
      const served = reusable ?? new ServedVersion(this.#services, row)
      served.settings = row.settings
      versions.set(key, served)
      const error = reusable ? undefined : this.#failed.resting(key)
      if (error) failed.set(key, error)
      else if (!reusable) fresh.push(served)
    }
    // At start nothing is being served yet, so there is nothing to protect by waiting: the first caller, or the
    // background warm-up, loads.
    if (!first) {
      await this.#warm(fresh, (served, error) => {
        failed.set(servedKey(served), error)
        this.#failed.add(servedKey(served), error)
      })
    }
    this.#failed.keep(failed)
    this.#swap(current, { ...found, versions, failed })
    if (first)
      void this.#warm(
        fresh,
        () => {},
        () => this.#services.residents.roomy,
      )
  }

  async #warm(
    list: readonly ServedVersion[],
    onFailure: (served: ServedVersion, error: MlError) => void,
    goOn = () => true,
  ): Promise<void> {
    const waiting = [...list]
    const work = async () => {
      for (let served = waiting.shift(); served && goOn(); served = waiting.shift()) {
        try {
          await served.load()
        } catch (error) {
          const failure = asFailure(error)
          // The service is stopping: no word about the model.
          if (failure.code === 'RUNTIME_CLOSED') return
          const { modelName, version, tenantId } = served.record
          this.#services.log.error({ err: error, tenant: tenantId, model: modelName, version }, 'model does not load')
          onFailure(served, failure)
        }
      }
    }
    await Promise.all(Array.from({ length: LOADS_AT_A_TIME }, work))
  }

  #swap(old: Snapshot, next: Followed): void {
    const byReference = new Map<string, ServedVersion>()
    const only = new Map<string, ServedVersion | undefined>()
    for (const row of next.rows) {
      const key = versionKey(row.tenantId, row.modelId, row.version)
      const previous = old.byReference.get(referenceKey(row.tenantId, row.environment, row.modelId))
      const served = next.failed.has(key) && previous ? previous : next.versions.get(key)!
      next.versions.set(servedKey(served), served)
      byReference.set(referenceKey(row.tenantId, row.environment, row.modelId), served)
      const place = referenceKey(row.tenantId, row.environment, '')
      only.set(place, only.has(place) ? undefined : served)
    }
    for (const { tenantId, environment, modelId, modelName } of next.rows) {
      const name = referenceKey(tenantId, environment, modelName)
      // A name that is the id of another model loses.
      if (!byReference.has(name)) byReference.set(name, byReference.get(referenceKey(tenantId, environment, modelId))!)
    }
    const rollouts = this.#follow(old, next)
    this.#snapshot = { revision: next.revision, byReference, only, versions: next.versions, rollouts }
    const kept = new Set(byReference.values())
    for (const { version } of rollouts.values()) if (version) kept.add(version)
    for (const [key, served] of next.versions) if (!kept.has(served)) next.versions.delete(key)
    for (const served of old.versions.values()) if (!kept.has(served)) served.retire()
  }

  /** What was counted goes on being counted while a stage lasts. */
  #follow(old: Snapshot, next: Followed): Map<string, LiveRollout> {
    const rollouts = new Map<string, LiveRollout>()
    for (const { row, challenger } of next.rollouts) {
      const place = referenceKey(row.tenant_id, row.environment, row.model_id)
      const known = old.rollouts.get(place)
      const same = known?.row.id === row.id && known.row.stage === row.stage ? known : undefined
      const rollout = same ?? new LiveRollout(this.#services, row)
      const key = servedKey({ record: challenger })
      const error = next.failed.get(key)
      rollout.follow(error ? undefined : next.versions.get(key), error)
      rollouts.set(place, rollout)
    }
    return rollouts
  }

  /** Follows the registry until stopped. Resolves after the first successful look, or at once if the database is away. */
  async start(onRefreshed: () => Promise<void>): Promise<void> {
    const { db, log } = this.#services
    const stopped = new AbortController()
    let woken = new AbortController()
    const unsubscribe = db.onWake('deployments', () => woken.abort())
    let failing = false
    const look = async () => {
      try {
        await this.refresh()
        await onRefreshed()
        failing = false
      } catch (error) {
        if (!failing) log.warn({ err: error }, 'the registry cannot be read; what is loaded goes on being served')
        failing = true
      }
    }
    await look()
    const loop = (async () => {
      while (!stopped.signal.aborted) {
        await pause(POLL_MS, AbortSignal.any([stopped.signal, woken.signal]))
        if (stopped.signal.aborted) return
        woken = new AbortController()
        await look()
      }
    })()
    this.#stop = async () => {
      stopped.abort()
      unsubscribe()
      await Promise.race([loop, sleep(LAST_LOOK_MS, undefined, { ref: false })])
    }
  }

  /** Waits for a look that is under way, which may write, and would load models again. */
  async stop(): Promise<void> {
    await this.#stop?.()
    for (const served of this.#snapshot.versions.values()) served.retire()
    this.#snapshot = NOTHING
  }
}

function isCurrent({ record }: ServedVersion, row: VersionRecord): boolean {
  return record.modelName === row.modelName && record.trusted === row.trusted
}

function referenceKey(tenantId: string, environment: string, idOrName: string): string {
  return `${tenantId}/${environment}/${idOrName}`
}

function versionKey(tenantId: string, modelId: string, version: string): string {
  return `${tenantId}/${modelId}/${version}`
}

function servedKey({ record }: Pick<ServedVersion, 'record'>): string {
  return versionKey(record.tenantId, record.modelId, record.version)
}
