// A whole service inside a program of the user's own.
import type { FastifyInstance } from 'fastify'
import { type App, createApp } from '../app.ts'
import { type ConfigOverrides, loadConfig } from '../config.ts'
import type { CustomModel } from '../domain/serving/index.ts'
import { ServerError } from './errors.ts'
import { createModelManager, type ModelManager } from './model-manager.ts'
import type { PredictionCache } from './realtime-predictor.ts'

export interface MlServiceOptions {
  readonly serviceName?: string
  /** Win over the environment. */
  readonly configOverrides?: ConfigOverrides
  /** JSON file of settings; the environment wins over it. */
  readonly configFile?: string
  /** Models written in TypeScript, see `defineModel`. */
  readonly models?: readonly CustomModel[]
  /** Adds routes beside the service's own. */
  readonly setupRoutes?: (app: FastifyInstance) => void | Promise<void>
}

export interface MlService {
  /** The Fastify instance. */
  readonly app: FastifyInstance
  readonly cache: PredictionCache
  /** Resolves once the database answers and the registry was read. */
  readonly begun: Promise<void>
  /** @returns the address it listens on. @throws ServerError */
  listen(address?: { readonly host?: string; readonly port?: number }): Promise<string>
  modelManager(tenantId: string): ModelManager
  /** Finishes what is in hand and lets go of everything. */
  close(): Promise<void>
}

/** @throws ServerError for a bad configuration, or a data folder that another process uses. */
export async function createMlService(options: MlServiceOptions = {}): Promise<MlService> {
  const app = await start(options)
  return {
    app: app.http,
    cache: app.services.cache,
    begun: app.begun,
    listen: (address) =>
      app.listen(address).catch((error: unknown) => {
        throw ServerError.from(error)
      }),
    modelManager: (tenantId) => createModelManager(app, tenantId),
    close: () => app.stop(),
  }
}

async function start({
  serviceName,
  configOverrides,
  configFile,
  models,
  setupRoutes,
}: MlServiceOptions): Promise<App> {
  try {
    const overrides: ConfigOverrides = { ...configOverrides, ...(serviceName !== undefined && { serviceName }) }
    const config = loadConfig({ overrides, ...(configFile !== undefined && { file: configFile }) })
    return await createApp(config, { ...(models && { models }), ...(setupRoutes && { setupRoutes }) })
  } catch (error) {
    throw ServerError.from(error)
  }
}
