// Walking the folder of objects: in the order of S3 (byte order of whole keys), tolerant of files that vanish meanwhile.
import type { Dirent, Stats } from 'node:fs'
import { lstat, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../core/clock.ts'
import type { ObjectEntry } from './index.ts'

/** Holds what is being written. Its name is no valid key. */
export const INCOMING = '.incoming'

/** The clock of a file system is coarse: a file that is written twice within one tick of it has one time. */
const TICK_MS = 2_000

interface Walk {
  readonly root: string
  readonly prefix: string
  readonly clock: Clock
}

/** Objects under `root` whose key begins with `prefix`. Symbolic links are no objects. */
export async function* listFolder(root: string, prefix: string, clock = systemClock): AsyncIterable<ObjectEntry> {
  yield* walk({ root, prefix, clock }, prefix.slice(0, prefix.lastIndexOf('/') + 1))
}

async function* walk(walking: Walk, folder: string): AsyncIterable<ObjectEntry> {
  const { root, prefix, clock } = walking
  const entries = (await entriesOf(join(root, folder)))
    .map((entry) => ({ entry, key: `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}` }))
    .filter(({ key }) => key.startsWith(prefix))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  for (const { entry, key } of entries) {
    if (entry.isDirectory()) yield* walk(walking, key)
    else if (entry.isFile()) {
      const stats = await lstat(join(root, key)).catch(() => undefined)
      if (stats) yield { key, size: stats.size, etag: etagOf(stats, clock.now().getTime()) }
    }
  }
}

function etagOf({ size, ino, mtimeMs, ctimeMs }: Stats, nowMs: number): string | undefined {
  return nowMs - ctimeMs < TICK_MS ? undefined : `${size}-${ino}-${mtimeMs}-${ctimeMs}`
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
