// The command line's way to everything: it finds a running service, or starts one for the time of a command. The service
// itself is imported only where one is started, and after its database was told to come up.
import { accessSync, constants, mkdirSync } from 'node:fs'
import type { App, AppOptions } from '../app.ts'
import type { CliHost, Connection, Flags, HostCheck, Setting } from '../cli/index.ts'
import { createClient } from '../client.ts'
import { type Config, type ConfigOverrides, ConfigSchema, envName, loadConfig, shownConfig } from '../config.ts'
import { fail } from '../core/failure.ts'
import { createLog, silentLog } from '../core/log.ts'
import { PREPARATION_KEY } from '../jobs/queues.ts'
import { readLock } from '../ports/db/embedded/lock.ts'
import { startDatabase } from '../ports/db/embedded/start.ts'
import { endProcess } from './end-process.ts'
import { CODE_VERSION } from './version.ts'

/** Long work is followed by server-sent events, so no single reply takes long but an upload's. */
const CLIENT_TIMEOUT_MS = 30 * 60_000

export function createCliHost(): CliHost {
  return {
    version: CODE_VERSION,
    settings: Object.entries(ConfigSchema.properties).map(([key, schema]): Setting => {
      const { description = '', type } = schema as { description?: string; type?: string }
      return { key, env: envName(key), description, kind: type === 'boolean' ? 'boolean' : 'value' }
    }),
    connect,
    serve,
    migrate: async (flags) => (await import('./migrate.ts')).migrate(configOf(flags)),
    grpcSender: async (target, inputs) => (await import('../grpc/client.ts')).grpcSender(target, inputs),
    config: (flags) => shownConfig(configOf(flags)),
    checks: async (flags) => checks(flags),
  }
}

function configOf(flags: Flags): Config {
  return loadConfig({ overrides: flags as ConfigOverrides })
}

async function connect({ url: given, tenant, flags }: Parameters<CliHost['connect']>[0]): Promise<Connection> {
  const url = given?.replace(/\/+$/, '')
  const clientAt = (baseUrl: string) =>
    createClient({ baseUrl, timeoutMs: CLIENT_TIMEOUT_MS, ...(tenant !== undefined && { tenantId: tenant }) })
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw fail('invalid', 'OPTION_INVALID', `--url must be an address such as http://127.0.0.1:8080, not "${url}"`)
  }
  if (url !== undefined) return { client: clientAt(url), url, started: false, close: async () => {} }
  const config = configOf(flags)
  const running = config.databaseUrl === undefined ? (await readLock(config.dataDir))?.address : undefined
  if (running) return { client: clientAt(running), url: running, started: false, close: async () => {} }
  const app = await startApp(config, { log: silentLog })
  try {
    // A service waits for its database as long as that takes; whoever gave a command is told that it is away.
    await app.services.db.migrate()
    await app.begun
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    return { client: clientAt(address), url: address, started: true, close: () => app.stop() }
  } catch (error) {
    await app.stop()
    throw error
  }
}

async function serve({ flags, role, onReady }: Parameters<CliHost['serve']>[0]): Promise<void> {
  const config = configOf(flags)
  const options: AppOptions = { log: createLog(config.logLevel, { service: config.serviceName }) }
  const app = await startApp(config, role === 'worker' ? { ...options, worker: true } : options)
  const stopped = untilToldToStop()
  try {
    if (role === 'service') onReady(await app.listen())
    else if (await workerReady(app, stopped)) onReady('')
    await stopped
  } finally {
    await app.stop()
    // A normal exit would wait for such a thread for ever, or abort under it.
    if (app.stuckThreads() > 0) endProcess()
  }
}

async function startApp(config: Config, options: AppOptions): Promise<App> {
  const embedded = config.databaseUrl === undefined
  const startedDatabase = embedded ? await startDatabase(config.dataDir, PREPARATION_KEY) : undefined
  const { createApp } = await import('../app.ts')
  return createApp(config, { ...options, startedDatabase })
}

/** @returns false where it was told to stop before its database answered. */
async function workerReady(app: App, stopped: Promise<void>): Promise<boolean> {
  await app.listenForMetrics()
  return await Promise.race([app.begun.then(() => true), stopped.then(() => false)])
}

/** Resolves on SIGINT or SIGTERM; a second signal ends the process the hard way, which loses nothing either. */
function untilToldToStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        resolve()
        process.once(signal, endProcess)
      })
    }
  })
}

const OLDEST_NODE = [22, 15] as const

function checks(flags: Flags): HostCheck[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const newEnough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])
  const found: HostCheck[] = [
    {
      name: 'node',
      ok: newEnough,
      detail: newEnough
        ? process.version
        : `${process.version} is too old; at least ${OLDEST_NODE.join('.')} is needed (npm install brings one)`,
    },
  ]
  let config: Config
  try {
    config = configOf(flags)
  } catch (error) {
    return [...found, { name: 'config', ok: false, detail: (error as Error).message }]
  }
  return [...found, { name: 'config', ok: true, detail: 'no problems' }, writable('data folder', config.dataDir)]
}

function writable(name: string, folder: string): HostCheck {
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK)
    return { name, ok: true, detail: folder }
  } catch (error) {
    return { name, ok: false, detail: `${folder} cannot be written to: ${(error as Error).message}` }
  }
}
