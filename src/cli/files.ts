// Files that the person named: one that cannot be read is their mistake, and the reply says which and why.
import { constants, openAsBlob } from 'node:fs'
import { access, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fail } from '../core/failure.ts'

/** The bytes are read when they are sent. */
export async function openFile(path: string): Promise<Blob> {
  try {
    // Says nothing of why it cannot open a file, and says it by throwing rather than by a rejected promise.
    await access(path, constants.R_OK)
    return await openAsBlob(path)
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

export function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
}

/** Before work that takes long: its results are to find their place. */
export async function refuseUnwritable(path: string): Promise<void> {
  const there = await stat(path).catch(() => undefined)
  await access(there ? path : dirname(path), constants.W_OK).catch((cause: unknown) => {
    throw unwritable(path, cause)
  })
}

/** Under its name only once it is complete: a download that breaks off neither looks like one nor takes the place of an older one. */
export async function saveStream(stream: ReadableStream<Uint8Array>, path: string): Promise<void> {
  const there = await stat(path).catch(() => undefined)
  // A pipe or a terminal is written to, not replaced.
  const target = there && !there.isFile() ? path : `${path}.partial`
  const file = await open(target, 'w').catch((cause: unknown) => {
    throw unwritable(path, cause)
  })
  try {
    await pipeline(Readable.fromWeb(stream as Parameters<typeof Readable.fromWeb>[0]), file.createWriteStream())
    if (target !== path) await rename(target, path)
  } catch (error) {
    if (target !== path) await rm(target, { force: true })
    throw error
  }
}

function unwritable(path: string, cause: unknown) {
  return fail('invalid', 'FILE_UNWRITABLE', `Cannot write ${path}: ${(cause as Error).message}`, { cause })
}

function unreadable(path: string, cause: unknown) {
  return fail('invalid', 'FILE_UNREADABLE', `Cannot read ${path}: ${(cause as Error).message}`, { cause })
}
