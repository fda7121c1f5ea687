// The state a replica holds to answer predictions: what is live, versions asked for by number, models written in
// TypeScript, and the queue of predictions still to be logged. All of it can be rebuilt from the registry.
import { LRUCache } from 'lru-cache'
import { fail } from '../../core/failure.ts'
import { type Ctx, inTransaction, type Services } from '../ctx.ts'
import { getModelRow, liveVersion } from '../models/index.ts'
import { AnswerCache } from './answer-cache.ts'
import { CustomModels } from './custom.ts'
import { Explainers } from './explain/explainers.ts'
import { LiveModels } from './live-models.ts'
import { PredictionLog } from './prediction-log.ts'
import { RequestStatistics } from './request-statistics.ts'
import { Residents, type ServingServices } from './residents.ts'
import { ServedVersion, type VersionRecord } from './served-version.ts'
import { CountsWriter } from './traffic/counts-writer.ts'

/** Versions that are not live but were asked for by number; the least recently used is let go. */
const ON_DEMAND_VERSIONS = 32

export interface ServingCtx extends Ctx {
  readonly serving: Serving
}

/** A version that has a file. */
export interface KnownVersion {
  readonly modelId: string
  readonly modelName: string
  readonly version: string
}

export class Serving {
  readonly live: LiveModels
  readonly custom: CustomModels
  readonly log: PredictionLog
  readonly explainers: Explainers
  readonly counts: CountsWriter
  readonly answers: AnswerCache
  readonly statistics = new RequestStatistics()
  protected readonly services: ServingServices
  readonly #onDemand: LRUCache<string, ServedVersion>

  constructor(given: Services) {
    const { settings, runtime, metrics } = given
    const evicted = () => metrics.modelEvictions.inc()
    const residents = new Residents(settings.modelMemoryBytes, runtime.workers, evicted)
    const services = { ...given, residents }
    this.services = services
    // What was asked for by number may have been renamed or deleted, here or on another replica.
    this.live = new LiveModels(services, () => this.forgetOnDemand())
    this.custom = new CustomModels()
    this.log = new PredictionLog(services)
    this.explainers = new Explainers(services)
    this.counts = new CountsWriter(services, () => this.live.rollouts)
    this.answers = new AnswerCache(services)
    this.#onDemand = new LRUCache<string, ServedVersion>({
      max: ON_DEMAND_VERSIONS,
      dispose: (served) => served.retire(),
    })
  }

  onDemand(tenantId: string, reference: string, version: string): ServedVersion | undefined {
    return this.#onDemand.get(`${tenantId}/${reference}/${version}`)
  }

  keep(reference: string, record: VersionRecord): ServedVersion {
    const served = new ServedVersion(this.services, record)
    this.#onDemand.set(`${record.tenantId}/${reference}/${record.version}`, served)
    return served
  }

  /** Called when models changed: what was kept by number may be renamed or gone. */
  forgetOnDemand(): void {
    this.#onDemand.clear()
  }

  /** What each model takes on this replica, of all the workers that hold it; by the key of the runtime. */
  memoryByKey(): ReadonlyMap<string, number> {
    const memory = new Map<string, number>()
    for (const { key, bytes, workers } of this.services.runtime.status().models) {
      memory.set(key, (memory.get(key) ?? 0) + bytes * workers)
    }
    return memory
  }

  /**
   * Not in memory: either it went live a moment ago and this replica has yet to follow, or there is none.
   *
   * @throws `not_found` MODEL_NOT_FOUND, `conflict` MODEL_NOT_DEPLOYED
   */
  async lookAgain(ctx: ServingCtx, reference: string, environment: string): Promise<ServedVersion> {
    const { model, live } = await inTransaction(ctx, async (ctx) => {
      const model = await getModelRow(ctx, reference)
      return { model, live: await liveVersion(ctx, model.id, environment) }
    })
    if (live !== null) {
      await this.live.refresh()
      const served = this.live.find(ctx.caller.tenantId, reference, environment)
      if (served) return served
    }
    throw fail(
      'conflict',
      'MODEL_NOT_DEPLOYED',
      `No version of "${model.name}" is live in "${environment}"; train one, or deploy one with POST /api/v1/ml/models/${model.name}/deploy`,
    )
  }

  /** Every version of the caller's models that has a file. */
  versions(ctx: ServingCtx): Promise<readonly KnownVersion[]> {
    return inTransaction(ctx, (ctx) =>
      ctx.db
        .selectFrom('model_versions as v')
        .innerJoin('models', 'models.id', 'v.model_id')
        .select(['v.model_id as modelId', 'models.name as modelName', 'v.version'])
        .where('v.artifact_sha256', 'is not', null)
        .execute(),
    )
  }

  async stop(): Promise<void> {
    await this.log.stop()
    await this.counts.write().catch((error: unknown) => {
      this.services.log.warn({ err: error }, 'the last counts of roll-outs could not be written')
    })
    await this.live.stop()
    this.#onDemand.clear()
    this.explainers.stop()
  }
}
