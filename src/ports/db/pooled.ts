// The port over a pool of connections. Both back ends end here: PostgreSQL with ten, the embedded database with one.
import type { Duplex } from 'node:stream'
import type { Pool, PoolClient } from 'pg'
import { fail } from '../../core/failure.ts'
import { isConnectionError, translateError } from './errors.ts'
import type { Database, DatabaseStatus, Tx, WakeChannel } from './index.ts'
import { migrateToLatest } from './migrate.ts'
import { runTransaction } from './transaction.ts'
import { createWakes } from './wakes.ts'

export interface PooledOptions {
  readonly pool: Pool
  readonly kind: DatabaseStatus['kind']
  readonly url: string
  /** Statements sent along with BEGIN (timeouts), each ending in a semicolon. */
  readonly settings: string
  /** A transaction that takes longer is rolled back and its connection thrown away. */
  readonly transactionTimeoutMs: number
  /** Other processes use this database: wake them, and listen for them. */
  readonly shared: boolean
  readonly onClose: () => Promise<void>
}

export function createPooledDatabase(options: PooledOptions): Database {
  const { pool, settings, shared } = options
  const wakes = createWakes(shared ? pool : undefined)
  let connected = false

  // Without listeners a connection that breaks would end the process: one that is idle, and one that was just given out, until
  // whoever waits for it has its turn, or one that is hung up on. What is asked of it next fails and says why.
  pool.on('error', () => {
    connected = false
  })
  pool.on('connect', (client) => client.on('error', () => {}))

  async function contact<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      connected = true
      return result
    } catch (error) {
      if (isConnectionError(error)) connected = false
      throw translateError(error)
    }
  }

  async function transact<T>(tenantId: string | undefined, work: (tx: Tx) => Promise<T>): Promise<T> {
    const outcome = await contact(async () => {
      const client = await pool.connect()
      const running = runTransaction(client, { tenantId, settings, notify: shared }, work)
      return await releasing(client, running, options.transactionTimeoutMs)
    })
    wakes.fire(outcome.wakes)
    return outcome.result
  }

  return {
    tenant: transact,
    system: (work) => transact(undefined, work),
    queueExecutor: {
      executeSql: (text, values) =>
        contact(async () => {
          const done: unknown = await pool.query(text, values as unknown[] | undefined)
          const results = (Array.isArray(done) ? done : [done]) as { rows: Record<string, unknown>[] }[]
          return { rows: results.flatMap((result) => result.rows) }
        }),
    },
    onWake: (channel: WakeChannel, onWake) => wakes.on(channel, onWake),
    migrate: () => contact(() => migrateToLatest(pool)),
    ping: () => contact(async () => void (await pool.query('select 1'))),
    status: () => ({ kind: options.kind, url: options.url, connected }),
    close: async () => {
      wakes.close()
      await pool.end()
      await options.onClose()
      connected = false
    },
  }
}

/** Waits for the transaction, at most the given time, and gives the connection back only if it is fit for reuse. */
async function releasing<T>(client: PoolClient, running: Promise<T>, timeoutMs: number): Promise<T> {
  const lost = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    lost.reject(fail('unavailable', 'DATABASE_TIMEOUT', 'A transaction took too long and was rolled back'))
  }, timeoutMs)
  client.on('error', lost.reject)
  running.catch(() => {}) // reported by the race unless the connection was lost first
  let fit = false
  try {
    const result = await Promise.race([running, lost.promise])
    fit = true
    return result
  } catch (error) {
    fit = client.getTransactionStatus() === 'I'
    throw error
  } finally {
    clearTimeout(timer)
    client.removeListener('error', lost.reject)
    if (!fit) hangUp(client)
    client.release(!fit)
  }
}

/** Without waiting for the statement that is still running, as the driver's own `end` would. */
function hangUp(client: PoolClient): void {
  const { connection } = client as unknown as { readonly connection: { readonly stream: Duplex } }
  connection.stream.destroy()
}
