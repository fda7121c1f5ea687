// Opens every port and engine by the configuration, all at once: none waits for another, and a server that is away does not
// hold up the start of what can do without it.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { systemClock } from '../core/clock.ts'
import { createLog, type Log } from '../core/log.ts'
import { createMetrics, type Metrics } from '../core/metrics.ts'
import type { Services, Settings } from '../domain/ctx.ts'
import { queuePreparation } from '../jobs/preparation.ts'
import { openQueue } from '../jobs/queue.ts'
import { openBus } from '../ports/bus/open.ts'
import { openCache } from '../ports/cache/open.ts'
import type { StartedDatabase } from '../ports/db/embedded/start.ts'
import { openDatabase } from '../ports/db/open.ts'
import { type ObjectsOptions, openObjects } from '../ports/objects/open.ts'
import type { FeatureSources } from '../ports/sources/index.ts'
import { readMapping } from '../ports/sources/mapping.ts'
import { NO_SOURCES, openSources } from '../ports/sources/open.ts'
import { type GuardedOptions, openGuardedRuntime } from '../runtime/index.ts'
import { openTables } from '../tables/index.ts'
import { openRepository } from './open-repository.ts'
import { openTracer } from './tracer.ts'
import { CODE_VERSION } from './version.ts'

const MAX_QUEUED_RUNS = 10_000
const TABLES_MEMORY_MB = 256

export interface OpenServices extends Services {
  readonly close: () => Promise<void>
}

export interface OpenOptions {
  readonly log?: Log
  readonly startedDatabase?: StartedDatabase | undefined
}

export async function openServices(
  config: Config,
  { log = defaultLog(config), startedDatabase }: OpenOptions = {},
): Promise<OpenServices> {
  const tempDir = join(config.dataDir, 'tmp')
  const settings = settingsOf(config, tempDir)
  const metrics = createMetrics()
  const sources = sourcesOf(config, log, metrics)
  if (config.repository !== undefined) {
    const runtime = openGuardedRuntime(runtimeOptions(config, log, tempDir))
    return openRepository(config, log, { runtime, settings, tracer: await openTracer(config, log) })
  }
  const opened: { close(): Promise<void> }[] = []
  const keep = async <T extends { close(): Promise<void> }>(opening: T | Promise<T>): Promise<T> => {
    const port = await opening
    opened.unshift(port)
    return port
  }
  const closeAll = async () => {
    for (const port of opened) await port.close().catch((error: unknown) => log.warn({ err: error }, 'close failed'))
  }
  try {
    // The database first: its lock tells whether this process may touch the folder at all.
    const db = await keep(
      openDatabase({
        url: config.databaseUrl,
        dataDir: config.dataDir,
        started: startedDatabase,
        applicationName: config.serviceName,
        preparation: queuePreparation,
      }),
    )
    // The embedded database belongs to one process, so what lies here was left by one that is gone.
    if (config.databaseUrl === undefined) await rm(tempDir, { recursive: true, force: true })
    await mkdir(tempDir, { recursive: true })
    const [objects, bus, cache, tracer] = await Promise.all([
      keep(openObjects(objectsOptions(config, tempDir))),
      keep(openBus(config.enableNats ? { url: config.natsUrl, name: config.serviceName, log } : { log })),
      keep(openCache({ url: config.redisUrl, log })),
      keep(openTracer(config, log)),
    ])
    const runtime = await keep(openGuardedRuntime(runtimeOptions(config, log, tempDir)))
    const tables = await keep(openTables({ tempDir, memoryLimitMb: TABLES_MEMORY_MB }))
    const queue = openQueue({ db, log })
    const engines = { runtime, tables, queue, clock: systemClock, log, metrics, tracer, settings }
    const services = { db, objects, bus, cache, sources, ...engines }
    return { ...services, close: closeAll }
  } catch (error) {
    await closeAll()
    throw error
  }
}

function runtimeOptions(config: Config, log: Log, tempDir: string): GuardedOptions {
  return {
    workers: config.mlWorkers,
    maxQueue: MAX_QUEUED_RUNS,
    maxWaitMs: config.maxWaitMs,
    batchRows: config.batchSize,
    enableGpu: config.enableGpu,
    tempDir,
    recycle: { aboveBytes: config.recycleAboveMb * 1_000_000 },
    log,
  }
}

/** Read before anything is opened, so that a faulty mapping stops the start. */
function sourcesOf(config: Config, log: Log, { sourceRequests }: Metrics): FeatureSources {
  const { supabaseUrl, supabaseServiceKey, supabaseMapping } = config
  if (supabaseUrl === undefined || supabaseMapping === undefined) return NO_SOURCES
  return openSources({
    url: supabaseUrl,
    key: supabaseServiceKey!,
    mapping: readMapping(supabaseMapping),
    log,
    count: ({ entity_type }, outcome) => sourceRequests.inc({ entity_type, outcome }),
  })
}

function defaultLog(config: Config): Log {
  return createLog(config.logLevel, { service: config.serviceName })
}

function settingsOf(config: Config, tempDir: string): Settings {
  return {
    serviceName: config.serviceName,
    codeVersion: CODE_VERSION,
    tempDir,
    defaultModel: config.defaultModel,
    balancedClassWeight: config.balancedClassWeight,
    trainingTimeoutMs: config.trainingTimeoutSeconds * 1000,
    trainingMemoryMb: config.trainingMemoryMb,
    maxUploadBytes: config.maxUploadMb * 1_000_000,
    webhookAllowPrivate: config.webhookAllowPrivate,
    batchChunkRows: config.batchChunkRows,
    batchLeaseSeconds: config.batchLeaseSeconds,
    batchRetentionMs: config.batchRetentionDays * 86_400_000,
    predictionRetentionMs: config.predictionRetentionDays * 86_400_000,
    modelMemoryBytes: config.modelMemoryMb * 1_000_000,
    cacheTtlSeconds: config.cacheTtl,
  }
}

function objectsOptions(config: Config, tempDir: string): ObjectsOptions {
  if (config.modelStorage === 'local') return { storage: 'local', path: config.modelPath }
  return {
    storage: 's3',
    bucket: config.s3Bucket!,
    region: config.s3Region,
    tempDir,
    ...(config.s3Endpoint !== undefined && { endpoint: config.s3Endpoint }),
  }
}
