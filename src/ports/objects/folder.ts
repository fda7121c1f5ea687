// Objects as files in a folder. A put writes to `.incoming`, syncs, renames into place and syncs the directories, so that
// neither kill -9 nor a power cut shows half an object. Symbolic links are not followed out of the folder.
import { randomUUID } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import {
  access,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  realpath,
  rename,
  rm,
  rmdir,
  unlink,
} from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { systemClock } from '../../core/clock.ts'
import { fail } from '../../core/failure.ts'
import { giveBack } from '../../core/memory.ts'
import { INCOMING, listFolder, removeOldFiles } from './folder-walk.ts'
import type { ByteRange, Objects, StoredObject } from './index.ts'
import { checkKey, checkPrefix, checkRange, objectExists, objectNotFound } from './key.ts'
import { measured } from './measured.ts'

const LEFT_OVER_MS = 3_600_000
/** Deleting the last file of a directory removes the directory, perhaps just before a rename into it. */
const RENAME_ATTEMPTS = 10

/** @throws when the folder cannot be made, or (for reading) is not there. */
export async function openFolder(path: string, use: 'read' | 'write' = 'write'): Promise<Objects> {
  if (use === 'write') await mkdir(join(path, INCOMING), { recursive: true })
  const root = await realpath(path)
  const incoming = join(root, INCOMING)
  if (use === 'write') await removeOldFiles(incoming, systemClock.now().getTime() - LEFT_OVER_MS)
  return {
    async put(key, body, { signal, unless, sha256 } = {}) {
      const target = await place(root, key)
      const temporary = join(incoming, randomUUID())
      try {
        const { chunks, result } = measured(body, { signal, sha256 })
        await writeSynced(temporary, chunks)
        await moveIntoPlace(temporary, target, { root, key, move: unless === 'exists' ? moveOnce : rename })
        return result() satisfies StoredObject
      } catch (error) {
        await rm(temporary, { force: true })
        throw asStorageFailure(error)
      }
    },
    async get(key, range) {
      checkRange(range)
      const file = await openFile(root, key)
      return streamOf(file, range)
    },
    async stat(key) {
      const stats = await statsOf(await place(root, key))
      return stats?.isFile() ? { size: stats.size, modifiedAt: stats.mtime } : undefined
    },
    async *list(prefix) {
      checkPrefix(prefix)
      yield* listFolder(root, prefix)
    },
    async delete(keys) {
      for (const key of keys) await remove(root, await place(root, key))
    },
    async localFile(key, use, { signal } = {}) {
      const file = await openFile(root, key)
      await file.close()
      signal?.throwIfAborted()
      return use(join(root, key))
    },
    async ping() {
      await access(incoming, constants.R_OK | constants.W_OK).catch((cause: unknown) => {
        throw fail('unavailable', 'OBJECTS_UNAVAILABLE', 'The folder for objects cannot be written', { cause })
      })
    },
    async close() {},
  }
}

/** The path of a key, after making sure that no symbolic link on the way leads out of the root. */
async function place(root: string, key: string): Promise<string> {
  checkKey(key)
  const path = join(root, key)
  for (let directory = dirname(path); directory !== root; directory = dirname(directory)) {
    const real = await realpath(directory).catch(() => undefined)
    if (real === undefined) continue
    if (real === root || real.startsWith(root + sep)) return path
    throw fail('invalid', 'OBJECT_KEY_INVALID', `"${key}" leads out of the folder for objects`)
  }
  return path
}

async function writeSynced(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o640)
  try {
    for await (const chunk of chunks) {
      for (let offset = 0; offset < chunk.byteLength; ) {
        const { bytesWritten } = await file.write(chunk, offset)
        offset += bytesWritten
      }
      giveBack(chunk)
    }
    await file.datasync()
  } finally {
    await file.close()
  }
}

interface Place {
  readonly root: string
  readonly key: string
  readonly move: (from: string, to: string) => Promise<void>
}

async function moveIntoPlace(from: string, to: string, { root, key, move }: Place): Promise<void> {
  const taken = (cause: unknown) =>
    fail('conflict', 'OBJECT_KEY_TAKEN', `"${key}" is inside or above an object`, { cause })
  for (let attempt = 1; ; attempt++) {
    try {
      await mkdir(dirname(to), { recursive: true })
      await move(from, to)
      break
    } catch (error) {
      if (error === THERE) throw objectExists(key)
      if (hasCode(error, 'ENOTDIR', 'EEXIST', 'EISDIR', 'ENOTEMPTY')) throw taken(error)
      if (!hasCode(error, 'ENOENT') || attempt === RENAME_ATTEMPTS) throw error
    }
  }
  const directories: string[] = []
  for (let directory = dirname(to); directory.startsWith(root); directory = dirname(directory))
    directories.push(directory)
  await Promise.all(directories.map(syncDirectory))
}

/** Thrown by `moveOnce`. */
const THERE = new Error('there is an object already')

/** A second name first: unlike a rename, that replaces nothing. */
async function moveOnce(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
    await unlink(from)
  } catch (error) {
    // Some network volumes know no second names.
    if (hasCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP') && !(await statsOf(to))) return rename(from, to)
    throw hasCode(error, 'EEXIST', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP') ? THERE : error
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY).catch(() => undefined)
  // A directory removed meanwhile has nothing to sync, and not every file system can sync one.
  await directory?.sync().catch(() => {})
  await directory?.close()
}

async function openFile(root: string, key: string): Promise<FileHandle> {
  const path = await place(root, key)
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw objectNotFound(key, error)
    throw asStorageFailure(error)
  }
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw objectNotFound(key)
}

function streamOf(file: FileHandle, range: ByteRange | undefined): Readable {
  const bounds = range && { start: range.start, end: range.end ?? Number.MAX_SAFE_INTEGER }
  return file.createReadStream({ ...bounds, highWaterMark: 256 * 1024 })
}

async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw asStorageFailure(error)
  }
}

async function remove(root: string, path: string): Promise<void> {
  const stats = await statsOf(path)
  if (!stats || stats.isDirectory()) return
  await unlink(path).catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw asStorageFailure(error)
  })
  for (let directory = dirname(path); directory !== root; directory = dirname(directory)) {
    const removed = await rmdir(directory).then(
      () => true,
      () => false,
    )
    if (!removed) {
      await syncDirectory(directory)
      return
    }
  }
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

/** A full or forbidden disk is told from what the source threw; everything else is passed on. */
function asStorageFailure(error: unknown): unknown {
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) {
    return fail('unavailable', 'STORAGE_FULL', 'The disk that holds the objects is full', { cause: error })
  }
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) {
    return fail('unavailable', 'OBJECTS_DENIED', 'The folder for objects may not be read or written', { cause: error })
  }
  return error
}
