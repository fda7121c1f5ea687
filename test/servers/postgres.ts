// PostgreSQL for tests. It refuses to run as root, so root starts it as the user `postgres`; a port and a password of its
// own keep it apart from any other PostgreSQL on the machine.
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { appendFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Daemon, findProgram, freePort, launch, runCommand, untilReady, workDirectory } from './process.ts'
import { type TestServer, testServer } from './server.ts'

const USER = 'postgres'
const DEBIAN = '/usr/lib/postgresql'

export interface PostgresOptions {
  /** Write through to disk, for tests that pull the plug. Off by default: several times faster. */
  readonly durable?: boolean
}

export function findPostgres(): { readonly postgres: string; readonly initdb: string } | undefined {
  const places = debianVersions().map((version) => join(DEBIAN, version, 'bin'))
  const postgres = findProgram('postgres', places)
  const initdb = findProgram('initdb', places)
  return postgres && initdb ? { postgres, initdb } : undefined
}

function debianVersions(): string[] {
  try {
    return readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a))
  } catch {
    return []
  }
}

/** Throws unless a PostgreSQL of version 15 or later answers and lets us create databases. */
export async function probePostgres(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 })
  client.on('error', () => {})
  await client.connect()
  try {
    const { rows } = await client.query(
      `select current_setting('server_version_num')::int as version, rolcreatedb or rolsuper as creates
       from pg_roles where rolname = current_user`,
    )
    if (rows[0].version < 150_000) throw new Error(`PostgreSQL ${rows[0].version} is older than 15`)
    if (!rows[0].creates) throw new Error('the user may not create databases')
  } finally {
    await client.end()
  }
}

export async function startPostgres({ durable = false }: PostgresOptions = {}): Promise<TestServer> {
  const programs = findPostgres()
  if (!programs) throw new Error('PostgreSQL is not installed')
  const directory = await workDirectory('postgres', USER)
  const data = join(directory, 'data')
  const port = await freePort()
  const password = randomBytes(12).toString('hex')
  const passwordFile = join(directory, 'password')
  const url = `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`
  await writeFile(passwordFile, password, { mode: 0o644 })
  const create = async () => {
    const auth = ['-A', 'scram-sha-256', '-U', USER, `--pwfile=${passwordFile}`]
    const words = [programs.initdb, '-D', data, ...auth, '-E', 'UTF8', '--locale=C', '--no-sync']
    await runCommand(words, { directory, user: USER })
    await appendFile(join(data, 'postgresql.conf'), settings(port, directory, durable))
  }
  await create()
  const command = [programs.postgres, '-D', data]
  return testServer({
    url,
    directory,
    stopSignal: 'SIGINT',
    start: () => startDaemon(command, directory, url),
    async clear() {
      await rm(data, { recursive: true, force: true })
      await create()
    },
  })
}

function settings(port: number, directory: string, durable: boolean): string {
  const speed = durable ? [] : ['fsync = off', 'synchronous_commit = off', 'full_page_writes = off']
  return [
    '',
    `port = ${port}`,
    `listen_addresses = '127.0.0.1'`,
    `unix_socket_directories = '${directory}'`,
    'max_connections = 200',
    'shared_buffers = 64MB',
    ...speed,
    '',
  ].join('\n')
}

/** After a SIGKILL the old backends hold the shared memory for a moment, and a new server gives up at once: try again. */
async function startDaemon(command: readonly string[], directory: string, url: string): Promise<Daemon> {
  for (let attempt = 0; ; attempt++) {
    const daemon = launch('postgres', command, { directory, user: USER })
    try {
      await untilReady(daemon, () => probePostgres(url))
      return daemon
    } catch (error) {
      await daemon.stop('SIGKILL')
      if (attempt === 20) throw error
      await sleep(200)
    }
  }
}
