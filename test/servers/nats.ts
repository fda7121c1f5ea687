// NATS with JetStream for tests: a store of its own in a temporary directory, a user and a password.
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { findProgram, freePort, launch, untilReady, workDirectory } from './process.ts'
import { type TestServer, testServer } from './server.ts'

export function findNats(): string | undefined {
  return findProgram('nats-server')
}

/** Throws unless a NATS server answers and JetStream is on for this account. */
export async function probeNats(url: string): Promise<void> {
  const { username, password, host } = new URL(url)
  const user = username ? { user: decodeURIComponent(username), pass: decodeURIComponent(password) } : {}
  const connection = await connect({ servers: host, ...user, reconnect: false, timeout: 2000 })
  try {
    await jetstreamManager(connection, { timeout: 2000 })
  } finally {
    await connection.close()
  }
}

export async function startNats(): Promise<TestServer> {
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
      `jetstream: { store_dir: "${store}", max_memory_store: 64MB, max_file_store: 2GB }`,
      `authorization: { user: modelyard, password: "${password}" }`,
      '',
    ].join('\n'),
  )
  return testServer({
    url,
    directory,
    stopSignal: 'SIGTERM',
    async start() {
      const daemon = launch('nats', [program, '-c', config], { directory })
      await untilReady(daemon, () => probeNats(url))
      return daemon
    },
    clear: () => rm(store, { recursive: true, force: true }),
  })
}
