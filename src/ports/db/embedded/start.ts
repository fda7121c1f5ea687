// Starts the database of a DATA_DIR with nothing but Node's own modules, so that the command line can do it before it
// imports the rest of the service: PostgreSQL comes up (0.6 s of a core) while a thousand modules are being read.
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type DirectoryLock, lockDirectory } from './lock.ts'
import { createEmbeddedServer, type EmbeddedServer } from './server.ts'
import { templatePath } from './template.ts'

/** A locked folder whose database is coming up. `openEmbedded` takes it over, and closes it from then on. */
export interface StartedDatabase {
  readonly lock: DirectoryLock
  readonly server: EmbeddedServer
}

/** Where the database lies in a DATA_DIR. */
export function databaseFolder(dataDir: string): string {
  return join(resolve(dataDir), 'database')
}

/**
 * Undefined where there is no database yet and no template to copy one from, because making one takes more than Node's own modules.
 * @param preparedWith what else the template holds besides the migrated schema: the key of the `Preparation`.
 * @throws `conflict` `DATA_DIR_IN_USE` if another process has the folder.
 */
export async function startDatabase(dataDir: string, preparedWith: string): Promise<StartedDatabase | undefined> {
  const dir = databaseFolder(dataDir)
  const template = existsSync(dir) ? undefined : await templatePath(preparedWith)
  if (template !== undefined && !existsSync(template)) return undefined
  const lock = await lockDirectory(resolve(dataDir))
  await removeLeftovers(resolve(dataDir))
  return { lock, server: startServer(dir, template) }
}

export function startServer(dataDir: string, templateDir: string | undefined): EmbeddedServer {
  const server = createEmbeddedServer({ dataDir, templateDir })
  void server.ready().catch(() => {}) // reported to whoever uses it first
  return server
}

/** What a start that was killed left behind; only before a server is started, which may be copying. */
export async function removeLeftovers(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (name.startsWith('database.')) await rm(join(dataDir, name), { recursive: true, force: true })
  }
}
