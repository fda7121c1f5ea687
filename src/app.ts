// The composition root: configuration → ports → slices → faces. The only file that knows all of them.
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Background, startBackground, startRepository } from './app/background.ts'
import { closeHttp } from './app/close-http.ts'
import { afterMigration } from './app/first-contact.ts'
import { type MetricsServer, startMetricsServer } from './app/metrics-server.ts'
import { type OpenServices, openServices } from './app/open-services.ts'
import { ctxMaker } from './app/request-ctx.ts'
import { unavailableSettings } from './app/unavailable.ts'
import { CODE_VERSION } from './app/version.ts'
import { type Config, withoutCredentials } from './config.ts'
import { DEFAULT_ENVIRONMENT } from './contract/models.ts'
import type { Caller, Dispatch } from './core/caller.ts'
import type { Log } from './core/log.ts'
import type { OpenInference } from './core/open-inference.ts'
import { anonymousCaller, createDispatch } from './domain/access/index.ts'
import type { Services } from './domain/ctx.ts'
import { createHandlers } from './domain/handlers.ts'
import { type CustomModel, createOpenInference, RepositoryServing, Serving } from './domain/serving/index.ts'
import type { GrpcServer } from './grpc/server.ts'
import { createHttpApp, type HttpOptions } from './http/app.ts'
import { openApiDocument } from './http/openapi.ts'
import type { StartedDatabase } from './ports/db/embedded/start.ts'
import { setAddress } from './ports/db/open.ts'
import { travelHandlers } from './travel/index.ts'

export interface AppOptions {
  readonly log?: Log
  readonly models?: readonly CustomModel[]
  readonly setupRoutes?: HttpOptions['setupRoutes']
  /** The embedded database, where it was started before this module was imported. */
  readonly startedDatabase?: StartedDatabase | undefined
  /** Work on queued jobs in this process; default: the configuration's `runWorker`. */
  readonly worker?: boolean
}

export interface LiveVersion {
  readonly modelId: string
  readonly version: string
  readonly sha256: string
  /** A canary answers a part of the requests. */
  readonly divided: boolean
}

export interface App {
  readonly config: Config
  readonly dispatch: Dispatch
  /** Predictions by tensors, for faces that do not speak rows. */
  readonly dataPlane: OpenInference
  readonly http: ReturnType<typeof createHttpApp>
  /** Resolves once the database answers and the registry was read. */
  readonly begun: Promise<void>
  /** What the verbs stand on. */
  readonly services: Services
  /** What answers predictions of a model (id or name) in production right now. */
  liveVersion(tenantId: string, model: string): LiveVersion | undefined
  /** On `PROMETHEUS_PORT`, where it is set: all that a worker listens on. */
  listenForMetrics(host?: string): Promise<void>
  /** @returns the address it listens on. */
  listen(address?: { readonly host?: string; readonly port?: number }): Promise<string>
  stop(): Promise<void>
  /** Where gRPC is spoken, once it listens. */
  grpcPort(): number | undefined
  /** After `stop`: threads stuck inside native code, which only the end of the process can stop. */
  stuckThreads(): number
}

export async function createApp(config: Config, options: AppOptions = {}): Promise<App> {
  const services = await openServices(config, options)
  for (const sentence of unavailableSettings(config)) services.log.warn({}, sentence)
  const serving = config.repository === undefined ? new Serving(services) : new RepositoryServing(services)
  try {
    for (const model of options.models ?? []) serving.custom.register(model)
  } catch (error) {
    await services.close()
    throw error
  }
  const worker = options.worker ?? config.runWorker
  const background =
    serving instanceof RepositoryServing
      ? startRepository(serving)
      : startBackground({
          services,
          serving,
          worker: worker
            ? { concurrency: config.trainingConcurrency, batchConcurrency: config.batchConcurrency }
            : undefined,
        })
  let begun = false
  background.begun.then(
    () => {
      begun = true
    },
    (error: unknown) => services.log.error({ err: error }, 'the service could not begin'),
  )
  const forVerbs = { ...services, db: afterMigration(services.db, background.migrated) }
  const makeCtx = ctxMaker(forVerbs, serving)
  const handlers = { ...createHandlers({ ...healthOptions(config), begun: () => begun }), ...travelHandlers }
  const dispatch = createDispatch(handlers, makeCtx, services.tracer)
  const dataPlane = createOpenInference(makeCtx, {
    server: { name: config.serviceName, version: CODE_VERSION, ready: () => serving.live.anyReady },
    door: { serving, metrics: services.metrics },
  })
  const http = createHttpApp({
    dispatch,
    plane: dataPlane,
    authenticate,
    metrics: services.metrics,
    tracer: services.tracer,
    log: services.log,
    maxUploadBytes: services.settings.maxUploadBytes,
    tempDir: services.settings.tempDir,
    openapi: openApiDocument(CODE_VERSION),
    maxWaitMs: config.maxWaitMs,
    ...(options.setupRoutes && { setupRoutes: options.setupRoutes }),
  })
  return assemble({ config, services, serving, background, dispatch, dataPlane, http })
}

function authenticate(headers: IncomingHttpHeaders, requestId: string): Caller {
  const first = (name: string) => {
    const value = headers[name]
    return typeof value === 'object' ? value[0] : value
  }
  return anonymousCaller({ tenantId: first('x-tenant-id'), requestId, stickyKey: first('x-sticky-key') })
}

interface Parts {
  readonly config: Config
  readonly services: OpenServices
  readonly serving: Serving
  readonly background: Background
  readonly dispatch: Dispatch
  readonly dataPlane: OpenInference
  readonly http: ReturnType<typeof createHttpApp>
}

function assemble({ config, services, serving, background, dispatch, dataPlane, http }: Parts): App {
  let stopped: Promise<void> | undefined
  let metricsServer: MetricsServer | undefined
  let grpc: GrpcServer | undefined
  const responder = answerOverNats({ config, services, dispatch })
  const stop = async () => {
    await Promise.all([closeHttp(http), grpc?.close(), responder.then((open) => open?.close())])
    await metricsServer?.close()
    await background.stop()
    await services.close()
  }
  const listenForMetrics = async (host = config.serviceHost) => {
    if (config.prometheusPort === undefined) return
    metricsServer = await startMetricsServer(services.metrics, { host, port: config.prometheusPort })
  }
  return {
    config,
    dispatch,
    dataPlane,
    http,
    begun: background.begun,
    services,
    liveVersion(tenantId, model) {
      const live = serving.live.find(tenantId, model, DEFAULT_ENVIRONMENT)
      return live && { ...live.record, divided: serving.live.isDivided(live, DEFAULT_ENVIRONMENT) }
    },
    listenForMetrics,
    async listen({ host = config.serviceHost, port = config.servicePort } = {}) {
      await http.listen({ host, port })
      await listenForMetrics(host)
      if (config.grpcPort !== undefined) {
        const { startGrpc } = await import('./grpc/server.ts')
        const { log, tracer } = services
        const options = { plane: dataPlane, authenticate, log, tracer }
        grpc = await startGrpc(options, { host, port: config.grpcPort })
      }
      const address = http.server.address() as AddressInfo
      const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
      const url = `http://${name === '0.0.0.0' || name === '[::]' ? '127.0.0.1' : name}:${address.port}`
      if (config.databaseUrl === undefined && config.repository === undefined) await setAddress(config.dataDir, url)
      return url
    },
    stop: () => {
      stopped ??= stop()
      return stopped
    },
    grpcPort: () => grpc?.port,
    stuckThreads: () => services.runtime.status().abandoned,
  }
}

/** Requests over NATS, where there is NATS and this process answers requests at all. */
async function answerOverNats({ config, services, dispatch }: Pick<Parts, 'config' | 'services' | 'dispatch'>) {
  if (!config.enableNats) return undefined
  const [{ openResponder }, { createEndpoints }] = await Promise.all([
    import('./ports/bus/responder.ts'),
    import('./messaging/endpoints.ts'),
  ])
  const { log, clock, tracer } = services
  const timeoutMs = config.natsRequestTimeoutSeconds * 1000
  const endpoints = createEndpoints({ dispatch, authenticate, clock, log, tracer, timeoutMs })
  const described = { name: config.serviceName, version: CODE_VERSION, description: 'Modelyard', queue: 'modelyard' }
  const name = config.serviceName.replaceAll(/[^A-Za-z0-9_-]/g, '-')
  const replies = { maxBytes: config.natsRepliesMb * 1_000_000, maxAgeSeconds: config.natsRepliesSeconds }
  const connection = { url: config.natsUrl, name: config.serviceName, log }
  return openResponder({ ...described, name, endpoints }, { ...connection, replies })
}

function healthOptions(config: Config) {
  return {
    usesRedis: config.redisUrl !== undefined,
    objectsUrl:
      config.modelStorage === 's3'
        ? `s3://${config.s3Bucket}${config.s3Endpoint ? ` at ${withoutCredentials(config.s3Endpoint)}` : ''}`
        : `file://${config.modelPath}`,
  }
}
