// Files that the person named: one that cannot be read is their mistake, and the reply says which and why.
import { constants, openAsBlob } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
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

function unreadable(path: string, cause: unknown) {
  return fail('invalid', 'FILE_UNREADABLE', `Cannot read ${path}: ${(cause as Error).message}`, { cause })
}
