// How the service is. Every dependency is asked at once, each with a short time limit, and answers are kept for a moment, so
// that a probe storm costs nothing and a hanging dependency does not hang the probe.
import type { DependencyStatus, HealthStatus, Readiness, ServiceHealth } from '../../contract/service.ts'
import { fail } from '../../core/failure.ts'
import type { ServingCtx } from '../serving/index.ts'

const CHECK_LIMIT_MS = 1_000
const KEEP_MS = 1_000
const STARTING = 'The service is starting'

interface Dependency {
  readonly name: string
  readonly url: () => string
  readonly ping: () => Promise<void>
}

export interface HealthOptions {
  readonly usesRedis: boolean
  readonly objectsUrl: string
  /** Whether the registry was read and jobs can be queued. */
  readonly begun: () => boolean
}

/** The verb, with its memory of the last look. */
export function createHealth({
  usesRedis,
  objectsUrl,
  begun,
}: HealthOptions): (ctx: ServingCtx) => Promise<ServiceHealth> {
  let last: { at: number; dependencies: Promise<DependencyStatus[]> } | undefined
  return async (ctx) => {
    const now = ctx.clock.elapsedMs()
    if (!last || now - last.at > KEEP_MS) last = { at: now, dependencies: checkAll(ctx, objectsUrl) }
    const dependencies = await last.dependencies
    const { serving, runtime, bus, cache } = ctx
    const broken = dependencies.filter((d) => d.status !== 'healthy')
    const whole = broken.length === 0 && begun()
    const status: HealthStatus = whole ? 'healthy' : serving.live.known ? 'degraded' : 'unhealthy'
    const first = broken[0]
    const error = first ? `${first.service_name}: ${first.error ?? first.status}` : whole ? undefined : STARTING
    return {
      status,
      timestamp: ctx.clock.now().toISOString(),
      dependencies,
      active_subscriptions: bus.status().subscriptions,
      uptime_seconds: Math.round(process.uptime()),
      version: ctx.settings.codeVersion,
      ...(error !== undefined && { error }),
      models_loaded: serving.live.anyReady || serving.custom.size > 0,
      redis_connected: usesRedis && cache.status().connected,
      gpu_available: runtime.status().gpuAvailable,
    }
  }
}

async function checkAll(ctx: ServingCtx, objectsUrl: string): Promise<DependencyStatus[]> {
  const dependencies: Dependency[] = [
    { name: 'database', url: () => ctx.db.status().url, ping: () => ctx.db.ping() },
    { name: 'objects', url: () => objectsUrl, ping: () => ctx.objects.ping() },
    { name: 'bus', url: () => ctx.bus.status().url, ping: () => ctx.bus.ping() },
    { name: 'cache', url: () => ctx.cache.status().url, ping: () => ctx.cache.ping() },
  ]
  return Promise.all(dependencies.map((dependency) => check(ctx, dependency)))
}

async function check(ctx: ServingCtx, { name, url, ping }: Dependency): Promise<DependencyStatus> {
  const started = ctx.clock.elapsedMs()
  const error = await within(CHECK_LIMIT_MS, ping).then(
    () => undefined,
    (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)),
  )
  return {
    service_name: name,
    url: url(),
    status: error === undefined ? 'healthy' : 'unhealthy',
    response_time_ms: Math.round((ctx.clock.elapsedMs() - started) * 1000) / 1000,
    last_check: ctx.clock.now().toISOString(),
    ...(error !== undefined && { error }),
  }
}

async function within(limitMs: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(fail('unavailable', 'TIMEOUT', `no answer within ${limitMs} ms`)), limitMs)
  })
  try {
    await Promise.race([work(), limit])
  } finally {
    clearTimeout(timer)
  }
}

/** Ready when a prediction can be answered: the default model if there is one, else any model. */
export async function readiness(ctx: ServingCtx): Promise<Readiness> {
  const { serving, settings, caller } = ctx
  if (!serving.live.known && serving.custom.size === 0) {
    return { ready: false, reason: 'The registry has not been read yet; see /health' }
  }
  const served = settings.defaultModel
    ? serving.live.find(caller.tenantId, settings.defaultModel, 'production')
    : serving.live.only(caller.tenantId, 'production')
  if (served) {
    const { modelId, modelName, version } = served.record
    const loaded = served.ready !== undefined || (await served.load().then(Boolean, () => false))
    if (!loaded) return { ready: false, reason: `${modelName} ${version} does not load; see the log` }
    return { ready: true, model_version_id: `${modelId}:${version}` }
  }
  if (settings.defaultModel && serving.custom.find(settings.defaultModel)) return { ready: true }
  if (settings.defaultModel) return { ready: false, reason: `DEFAULT_MODEL "${settings.defaultModel}" is not live` }
  if (serving.live.size > 0 || serving.custom.size > 0) return { ready: true }
  return { ready: false, reason: 'No model is live; train one, or deploy a version' }
}
