// An embedded server as a database: a pool of the one connection that there is.
import pg from 'pg'
import type { Database } from '../index.ts'
import { createPooledDatabase } from '../pooled.ts'
import { typeParsers } from '../types.ts'
import type { EmbeddedServer } from './server.ts'
import { EmbeddedSocket } from './socket.ts'

/** Transactions wait their turn for this long before the database counts as overloaded. */
const QUEUE_TIMEOUT_MS = 30_000
const TRANSACTION_TIMEOUT_MS = 60_000

interface Connecting {
  readonly dir: string
  readonly transactionTimeoutMs?: number | undefined
  readonly onClose?: () => Promise<void>
}

export function connect(
  server: EmbeddedServer,
  { dir, transactionTimeoutMs = TRANSACTION_TIMEOUT_MS, onClose }: Connecting,
): Database {
  const pool = new pg.Pool({
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: QUEUE_TIMEOUT_MS,
    query_timeout: 2 * TRANSACTION_TIMEOUT_MS,
    user: 'postgres',
    pipeline: true,
    types: typeParsers,
    stream: () => new EmbeddedSocket(server),
  })
  return createPooledDatabase({
    pool,
    kind: 'embedded',
    url: `embedded:${dir}`,
    settings: '',
    transactionTimeoutMs,
    shared: false,
    onClose: async () => {
      await server.close()
      await onClose?.()
    },
  })
}
