// Redis for tests: memory only, a password, a port of its own.
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { findProgram, freePort, launch, untilReady, workDirectory } from './process.ts'
import { type TestServer, testServer } from './server.ts'

export function findRedis(): string | undefined {
  return findProgram('redis-server')
}

export async function probeRedis(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 2000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.ping()
  } finally {
    client.disconnect()
  }
}

export async function startRedis(): Promise<TestServer> {
  const program = findRedis()
  if (!program) throw new Error('Redis is not installed')
  const directory = await workDirectory('redis')
  const port = await freePort()
  const password = randomBytes(12).toString('hex')
  const url = `redis://:${password}@127.0.0.1:${port}/0`
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory]
  const command = [program, ...place, '--save', '', '--appendonly', 'no', '--requirepass', password]
  return testServer({
    url,
    directory,
    stopSignal: 'SIGTERM',
    async start() {
      const daemon = launch('redis', command, { directory })
      await untilReady(daemon, () => probeRedis(url))
      return daemon
    },
    clear: async () => {},
  })
}
