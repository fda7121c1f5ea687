// The services of repository mode: a store of models and a runtime, and nothing that needs a database. What is not there
// refuses in words.
import { mkdir } from 'node:fs/promises'
import type { Config } from '../config.ts'
import { systemClock } from '../core/clock.ts'
import { fail } from '../core/failure.ts'
import type { Log } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import type { Services } from '../domain/ctx.ts'
import type { Queue } from '../jobs/queue.ts'
import { openBus } from '../ports/bus/open.ts'
import { openCache } from '../ports/cache/open.ts'
import type { Database } from '../ports/db/index.ts'
import { type ObjectsOptions, openObjects } from '../ports/objects/open.ts'
import { NO_SOURCES } from '../ports/sources/open.ts'
import type { Tables } from '../tables/index.ts'
import type { OpenServices } from './open-services.ts'

type Running = Pick<Services, 'runtime' | 'settings' | 'tracer'>

export async function openRepository(config: Config, log: Log, running: Running): Promise<OpenServices> {
  const { tempDir } = running.settings
  await mkdir(tempDir, { recursive: true })
  const [objects, bus, cache] = await Promise.all([
    openObjects(repositoryPlace(config, tempDir)),
    openBus({ log }),
    openCache({ url: config.redisUrl, log }),
  ])
  const { runtime, settings, tracer } = running
  return {
    objects,
    bus,
    cache,
    sources: NO_SOURCES,
    runtime,
    settings,
    db: noDatabase(),
    queue: absent<Queue>(),
    tables: absent<Tables>(),
    clock: systemClock,
    log,
    metrics: createMetrics(),
    tracer,
    close: async () => {
      for (const port of [objects, bus, cache, runtime, tracer]) {
        await port.close().catch((error: unknown) => log.warn({ err: error }, 'close failed'))
      }
    },
  }
}

/** `s3://bucket/prefix`, or a folder, which is only read. */
function repositoryPlace(config: Config, tempDir: string): ObjectsOptions {
  const place = /^s3:\/\/([^/]+)\/?(.*)$/.exec(config.repository!)
  if (!place) return { storage: 'local', path: config.repository!, use: 'read' }
  const [, bucket = '', path = ''] = place
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`
  return {
    storage: 's3',
    bucket,
    region: config.s3Region,
    tempDir,
    ...(prefix !== '' && { prefix }),
    ...(config.s3Endpoint !== undefined && { endpoint: config.s3Endpoint }),
  }
}

function refuse(): never {
  throw fail(
    'invalid',
    'NOT_OFFERED',
    'This service only serves a repository of models (--repository); training, the registry and its history need a database',
  )
}

function noDatabase(): Database {
  return {
    tenant: async () => refuse(),
    system: async () => refuse(),
    queueExecutor: { executeSql: async () => refuse() },
    onWake: () => () => {},
    migrate: async () => {},
    ping: async () => {},
    status: () => ({ kind: 'embedded', url: 'none', connected: true }),
    close: async () => {},
  }
}

/** Every method refuses. */
function absent<T extends object>(): T {
  return new Proxy({} as T, { get: () => refuse })
}
