// Opens the embedded database of a DATA_DIR. Nothing waits for it: the thread starts at once, in parallel with the rest
// of the service, and the first transaction waits.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import pg from 'pg'
import type { Database } from '../index.ts'
import { createPooledDatabase } from '../pooled.ts'
import { typeParsers } from '../types.ts'
import { copyDurably, moveDurably } from './folders.ts'
import { lockDirectory } from './lock.ts'
import type { EmbeddedServer } from './server.ts'
import { EmbeddedSocket } from './socket.ts'
import { databaseFolder, removeLeftovers, type StartedDatabase, startServer } from './start.ts'
import { templatePath } from './template.ts'

/** Transactions wait their turn for this long before the database counts as overloaded. */
const QUEUE_TIMEOUT_MS = 30_000
const TRANSACTION_TIMEOUT_MS = 60_000

/** What else a new database should hold besides the migrated schema (the queue's own tables). */
export interface Preparation {
  /** Changes whenever `prepare` would do something else. */
  readonly key: string
  readonly prepare: (db: Database) => Promise<void>
}

export interface EmbeddedOptions {
  readonly dataDir: string
  /** What `startDatabase` gave for the same folder. */
  readonly started?: StartedDatabase | undefined
  readonly preparation?: Preparation
  readonly transactionTimeoutMs?: number
}

/** @throws `conflict` `DATA_DIR_IN_USE` if another process has the folder. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Database> {
  const { preparation, transactionTimeoutMs = TRANSACTION_TIMEOUT_MS, started } = options
  const folder = resolve(options.dataDir)
  const lock = started?.lock ?? (await lockDirectory(folder))
  const dir = databaseFolder(folder)
  const database = (server: EmbeddedServer) =>
    connect(server, { dir, transactionTimeoutMs, onClose: () => lock.release() })
  try {
    if (started !== undefined) return database(started.server)
    await removeLeftovers(folder)
    const template = await templatePath(preparation?.key ?? '')
    if (!existsSync(dir) && !existsSync(template)) await create(dir, template, preparation)
    return database(startServer(dir, template))
  } catch (error) {
    await started?.server.close()
    await lock.release()
    throw error
  }
}

/** The slow way to a new database, and the template for the next ones. */
async function create(dir: string, template: string, preparation: Preparation | undefined): Promise<void> {
  const scratch = await mkdtemp(`${dir}.new-`)
  try {
    const fresh = join(scratch, 'database')
    const db = connect(startServer(fresh, undefined), { dir: fresh, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS })
    try {
      await db.migrate()
      await preparation?.prepare(db)
    } finally {
      await db.close()
    }
    // An installation that cannot be written to does without a template.
    try {
      await copyDurably(fresh, template, 'everybody')
    } catch {}
    await moveDurably(fresh, dir)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

interface Connecting {
  readonly dir: string
  readonly transactionTimeoutMs: number
  readonly onClose?: () => Promise<void>
}

function connect(server: EmbeddedServer, { dir, transactionTimeoutMs, onClose }: Connecting): Database {
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
