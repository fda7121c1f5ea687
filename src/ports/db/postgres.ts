// PostgreSQL through a pool of connections. Opening touches nothing: a server that is away shows in `ping`, and when it
// comes back everything works without a restart.
import pg from 'pg'
import type { Database } from './index.ts'
import { createPooledDatabase } from './pooled.ts'
import { typeParsers } from './types.ts'

const CONNECT_TIMEOUT_MS = 5_000
const STATEMENT_TIMEOUT_MS = 30_000
const TRANSACTION_TIMEOUT_MS = 60_000

export interface PostgresOptions {
  readonly url: string
  readonly applicationName: string
  readonly maxConnections?: number
  readonly transactionTimeoutMs?: number
}

export function openPostgres(options: PostgresOptions): Database {
  const { url, applicationName, maxConnections = 10, transactionTimeoutMs = TRANSACTION_TIMEOUT_MS } = options
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // The last resort when the network swallows packets; statement_timeout answers first where the server lives.
    query_timeout: 2 * TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    pipeline: true,
    types: typeParsers,
  })
  return createPooledDatabase({
    pool,
    kind: 'postgres',
    url: withoutCredentials(url),
    // Set with BEGIN instead of at connect, because connection poolers refuse start-up parameters.
    settings:
      `set local statement_timeout = ${STATEMENT_TIMEOUT_MS};` +
      ` set local idle_in_transaction_session_timeout = ${transactionTimeoutMs};`,
    transactionTimeoutMs,
    shared: true,
    onClose: async () => {},
  })
}

/** Scheme, host, port and database only: parameters may hold passwords too. */
function withoutCredentials(url: string): string {
  const parsed = URL.parse(url)
  if (parsed === null) return 'postgres://(unreadable)'
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}`
}
