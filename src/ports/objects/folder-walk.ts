// Walking the folder of objects: in the order of S3 (byte order of whole keys), tolerant of files that vanish meanwhile.
import type { Dirent } from 'node:fs'
import { lstat, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObjectEntry } from './index.ts'

/** Holds what is being written. Its name is no valid key. */
export const INCOMING = '.incoming'

/** Objects under `root` whose key begins with `prefix`. Symbolic links are no objects. */
export async function* listFolder(root: string, prefix: string): AsyncIterable<ObjectEntry> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  yield* walk(root, { folder, prefix })
}

async function* walk(
  root: string,
  { folder, prefix }: { readonly folder: string; readonly prefix: string },
): AsyncIterable<ObjectEntry> {
  const entries = (await entriesOf(join(root, folder)))
    .map((entry) => ({ entry, key: `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}` }))
    .filter(({ key }) => key.startsWith(prefix))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  for (const { entry, key } of entries) {
    if (entry.isDirectory()) yield* walk(root, { folder: key, prefix })
    else if (entry.isFile()) {
      const stats = await lstat(join(root, key)).catch(() => undefined)
      if (stats) yield { key, size: stats.size }
    }
  }
}

async function entriesOf(path: string): Promise<Dirent[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })
  return entries.filter((entry) => !entry.name.startsWith('.'))
}

/** Files a process left half-written; one that is still being written is younger. */
export async function removeOldFiles(directory: string, olderThanMs: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    const stats = await lstat(path).catch(() => undefined)
    if (stats?.isFile() && stats.mtimeMs < olderThanMs) await unlink(path).catch(() => {})
  }
}
