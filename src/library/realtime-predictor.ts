// Predictions that are asked for again and again: answered from a cache while the same version is live.
import { createHash } from 'node:crypto'
import type { Prediction } from '../contract/predictions.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import { InferenceError } from './errors.ts'
import type { InputData, ModelManager, PredictOptions } from './model-manager.ts'

const DEFAULT_TTL_SECONDS = 3600

/** What a predictor needs of a cache; the service's own (`service.cache`) fits, and so does a few lines around a Map. */
export interface PredictionCache {
  get(key: string): Promise<Uint8Array | undefined>
  set(key: string, value: Uint8Array, ttlSeconds: number): Promise<void>
}

export interface RealtimePredictorOptions {
  readonly modelManager: ModelManager
  readonly cache?: PredictionCache
  /** Life of a cached answer, in seconds; default an hour. */
  readonly ttlSeconds?: number
}

export interface RealtimePredictor {
  /** @throws InferenceError; failures are never cached. */
  predict(modelId: string, inputData: InputData, options?: PredictOptions): Promise<Prediction>
}

export function createRealtimePredictor(options: RealtimePredictorOptions): RealtimePredictor {
  const { modelManager, cache, ttlSeconds = DEFAULT_TTL_SECONDS } = options
  const underway = new Map<string, Promise<Prediction>>()

  async function answer({ key, live, ask }: Question): Promise<Prediction> {
    const known = await cache?.get(key).catch(() => undefined)
    if (known) return JSON.parse(Buffer.from(known).toString('utf8')) as Prediction
    const prediction = await ask()
    // Another version may have gone live meanwhile; under this key its answer would come back after a rollback.
    if (prediction.version === live.version) {
      // A cache that is away costs time, never an answer.
      await cache?.set(key, Buffer.from(JSON.stringify(prediction)), ttlSeconds).catch(() => {})
    }
    return prediction
  }

  return {
    async predict(modelId, inputData, asked = {}) {
      const { version, environment, signal } = asked
      const live = modelManager.liveVersion(modelId)
      // Another version or environment than the live one is rare and has no digest at hand: it is not cached. While a canary
      // answers some requests, the same row may belong to either version.
      if (!cache || !live || live.divided || version !== undefined || environment !== undefined) {
        return modelManager.predict(modelId, inputData, asked)
      }
      const key = cacheKey(modelManager.tenantId, live, inputData)
      // Shared by everyone who asks meanwhile, so no single asker's signal may end it.
      const ask = () => modelManager.predict(modelId, inputData)
      const pending = underway.get(key) ?? answer({ key, live, ask }).finally(() => underway.delete(key))
      underway.set(key, pending)
      try {
        return await unlessAborted(pending, signal)
      } catch (error) {
        throw InferenceError.from(error)
      }
    },
  }
}

type LiveVersion = NonNullable<ReturnType<ModelManager['liveVersion']>>

interface Question {
  readonly key: string
  readonly live: LiveVersion
  readonly ask: () => Promise<Prediction>
}

/** Tenant, model, digest of the version's file, and the input with its columns in order. */
function cacheKey(tenantId: string, live: LiveVersion, inputData: InputData): string {
  const canonical = Array.isArray(inputData)
    ? inputData
    : Object.entries(inputData).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const digest = createHash('sha256').update(JSON.stringify(canonical)).digest('hex')
  return `prediction:${tenantId}:${live.modelId}:${live.sha256}:${digest}`
}
