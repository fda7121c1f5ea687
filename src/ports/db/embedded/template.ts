// A finished, migrated database folder to copy from: initialising one takes 4 s, copying it a quarter of a second. It is
// made by the first cold start (or by the build) and kept outside the repository, in the package's cache folder.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = dirname(fileURLToPath(import.meta.url))
const MIGRATIONS = join(HERE, '..', 'migrations')

/** Where the template for this code lies, or would lie. The name changes with every migration and PGlite version. */
export async function templatePath(preparedWith: string): Promise<string> {
  const hash = createHash('sha256').update(pgliteVersion()).update(preparedWith)
  for (const name of (await readdir(MIGRATIONS)).filter((name) => /\.[jt]s$/.test(name)).sort()) {
    hash.update(name).update(await readFile(join(MIGRATIONS, name)))
  }
  await mkdir(cacheFolder(), { recursive: true }).catch(() => {}) // a read-only installation does without
  return join(cacheFolder(), `database-${hash.digest('hex').slice(0, 16)}`)
}

function cacheFolder(): string {
  for (let folder = HERE; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, 'node_modules', '.cache', 'modelyard')
  }
  return join(HERE, '.cache')
}

function pgliteVersion(): string {
  const main = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  return main.includes('/dist/')
    ? createRequire(import.meta.url)(join(dirname(main), '..', 'package.json')).version
    : ''
}
