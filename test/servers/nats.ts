// NATS with JetStream for tests: a store of its own in a temporary directory, a user and a password.
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { findProgram, freePort, launch, untilReady, workDirectory } from './process.ts'
import { type TestServer, testServer } from './server.ts'

export function findNats(): string | undefined {
  return findProgram('nats-server')
}

/** Throws unless a NATS server answers and JetStream is on for this account. */
export async function probeNats(url: string): Promise<void> {
  await probe(url, async (connection) => void (await jetstreamManager(connection, { timeout: 2000 })))
}

const probePlain = (url: string) => probe(url, (connection) => connection.flush())

async function probe(url: string, ask: (connection: NatsConnection) => Promise<void>): Promise<void> {
  const { username, password, host } = new URL(url)
  const user = username ? { user: decodeURIComponent(username), pass: decodeURIComponent(password) } : {}
  const connection = await connect({ servers: host, ...user, reconnect: false, timeout: 2000 })
  try {
    await ask(connection)
  } finally {
    await connection.close()
  }
}

export interface NatsWishes {
  /** Default: the server's, 1 MiB. */
  readonly maxPayload?: number
  /** Default true. */
  readonly jetStream?: boolean
  /** Beside the user of the URL, as the configuration of NATS writes them. */
  readonly users?: readonly string[]
}

export async function startNats({ maxPayload, jetStream = true, users = [] }: NatsWishes = {}): Promise<TestServer> {
  const program = findNats()
  if (!program) throw new Error('NATS is not installed')
  const directory = await workDirectory('nats')
  const port = await freePort()
  const password = randomBytes(12).toString('hex')
  const url = `nats://modelyard:${password}@127.0.0.1:${port}`
  const store = join(directory, 'store')
  const config = join(directory, 'nats.conf')
  await writeFile(
    config,
    [
      `listen: "127.0.0.1:${port}"`,
      ...(jetStream ? [`jetstream: { store_dir: "${store}", max_memory_store: 64MB, max_file_store: 2GB }`] : []),
      `authorization: { users: [{ user: modelyard, password: "${password}" }, ${users.join(', ')}] }`,
      ...(maxPayload === undefined ? [] : [`max_payload: ${maxPayload}`]),
      '',
    ].join('\n'),
  )
  return testServer({
    url,
    directory,
    stopSignal: 'SIGTERM',
    async start() {
      const daemon = launch('nats', [program, '-c', config], { directory })
      await untilReady(daemon, () => (jetStream ? probeNats(url) : probePlain(url)))
      return daemon
    },
    clear: () => rm(store, { recursive: true, force: true }),
  })
}
