// A tenant's models, from inside the service: every operation as a method, and predictions without HTTP in between.
import { setImmediate as turn } from 'node:timers/promises'
import type { App } from '../app.ts'
import { createClient, type MlClient } from '../client.ts'
import type { Prediction } from '../contract/predictions.ts'
import { newId } from '../core/ids.ts'
import { anonymousCaller } from '../domain/access/index.ts'
import { InferenceError } from './errors.ts'
import { inProcessFetch } from './in-process-fetch.ts'

export type InputData = Readonly<Record<string, unknown>> | readonly unknown[]

export interface PredictOptions {
  readonly version?: string
  readonly environment?: string
  readonly signal?: AbortSignal
  /** Who is asked for: stays on one version while traffic is divided. */
  readonly stickyKey?: string
}

export interface ModelManager {
  readonly tenantId: string
  /** Every operation of the service, as this tenant. */
  readonly client: MlClient
  /** @throws InferenceError */
  predict(modelId: string, inputData: InputData, options?: PredictOptions): Promise<Prediction>
  /** What answers predictions of a model right now; undefined where nothing is live or known yet. */
  liveVersion(
    modelId: string,
  ):
    | { readonly modelId: string; readonly version: string; readonly sha256: string; readonly divided?: boolean }
    | undefined
}

export function createModelManager(app: App, tenantId: string): ModelManager {
  const client = createClient({ baseUrl: 'http://in-process', tenantId, retries: 0, fetch: inProcessFetch(app.http) })
  return {
    tenantId,
    client,
    async predict(modelId, inputData, { version, environment, stickyKey, signal = new AbortController().signal } = {}) {
      const input = {
        model_id: modelId,
        input_data: inputData,
        ...(version !== undefined && { version }),
        ...(environment !== undefined && { environment }),
      }
      try {
        const caller = anonymousCaller({ tenantId, requestId: newId('req'), stickyKey })
        // As in inProcessFetch: cached answers in a loop must not stop everything else.
        await turn()
        return await app.dispatch('models.predict', input, { caller, signal })
      } catch (error) {
        throw InferenceError.from(error)
      }
    },
    liveVersion: (modelId) => app.liveVersion(tenantId, modelId),
  }
}
