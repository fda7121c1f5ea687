// Opens the embedded database of a DATA_DIR. Nothing waits for it: the thread starts at once, in parallel with the rest
// of the service, and the first transaction waits.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Database } from '../index.ts'
import { connect } from './connect.ts'
import { copyDurably, moveDurably } from './folders.ts'
import { lockDirectory } from './lock.ts'
import type { EmbeddedServer } from './server.ts'
import { databaseFolder, removeLeftovers, type StartedDatabase, startServer } from './start.ts'
import { templatePath } from './template.ts'

/** What else a new database should hold besides the migrated schema (the queue's own tables). */
export interface Preparation {
  /** Changes whenever `prepare` would do something else. */
  readonly key: string
  /** Address of the module that exports `prepare`: databases are made by a process of their own. */
  readonly module: string
}

export type Prepare = (db: Database) => Promise<void>

export interface EmbeddedOptions {
  readonly dataDir: string
  /** What `startDatabase` gave for the same folder. */
  readonly started?: StartedDatabase | undefined
  readonly preparation?: Preparation
  readonly transactionTimeoutMs?: number
}

/** @throws `conflict` `DATA_DIR_IN_USE` if another process has the folder. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Database> {
  const { preparation, transactionTimeoutMs, started } = options
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
    await make(fresh, preparation)
    // An installation that cannot be written to does without a template.
    try {
      await copyDurably(fresh, template, 'everybody')
    } catch {}
    await moveDurably(fresh, dir)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function make(dir: string, preparation: Preparation | undefined): Promise<void> {
  const program = fileURLToPath(new URL(`./make${extname(import.meta.url)}`, import.meta.url))
  // The flags of this process (inspector, test runner) are none of its business. Its own halve its memory: decision 044.
  const child = fork(program, [dir, preparation?.module ?? ''], {
    execArgv: ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const [[code, signal], said] = await Promise.all([once(child, 'exit'), text(child.stderr!)])
  if (code !== 0) throw new Error(`Making a new database ended with ${signal ?? code}: ${said}`)
}
