// An uploaded file while its request is still being read. Form fields may follow the file (curl sends them in the order
// they were typed), so the bytes go to disk first and are streamed from there; memory stays flat whatever the size.
// The file is unlinked as soon as it is open: even a killed process leaves nothing behind.
import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fail } from '../core/failure.ts'

const DIGEST_BYTES = 256 * 1024

export interface Spooled {
  readonly size: number
  /** A fresh reader from the first byte. */
  read(): Readable
  /** Lower-case hex SHA-256 of all its bytes. */
  sha256(): Promise<string>
  /** Gives the space back; a reader still open fails. */
  discard(): Promise<void>
}

/** Copies the stream to a nameless file under `folder`. Throws `UPLOAD_SPACE` when the disk is full. */
export async function spool(source: Readable, folder: string): Promise<Spooled> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, `upload-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
    const size = await copy(source, file)
    return {
      size,
      read: () => file.createReadStream({ start: 0, autoClose: false, highWaterMark: 256 * 1024 }),
      sha256: () => digestOf(file),
      discard: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Small chunks (busboy's are at most 64 KiB) are gathered, so that the disk sees few, large writes. */
async function copy(source: Readable, file: FileHandle): Promise<number> {
  const enough = 1024 * 1024
  let size = 0
  let waiting: Buffer[] = []
  let waitingBytes = 0
  const flush = async () => {
    const batch = waiting
    waiting = []
    waitingBytes = 0
    if (batch.length > 0) await file.writev(batch).catch(refuseFullDisk)
  }
  for await (const chunk of source as AsyncIterable<Buffer>) {
    waiting.push(chunk)
    waitingBytes += chunk.length
    size += chunk.length
    if (waitingBytes >= enough) await flush()
  }
  await flush()
  return size
}

function refuseFullDisk(cause: NodeJS.ErrnoException): never {
  if (cause.code !== 'ENOSPC' && cause.code !== 'EDQUOT') throw cause
  throw fail('unavailable', 'UPLOAD_SPACE', 'There is no room on disk for the upload', { cause, retryAfterSeconds: 60 })
}

/** Through one piece of memory: a stream would leave the whole file to the garbage collector. */
async function digestOf(file: FileHandle): Promise<string> {
  const hash = createHash('sha256')
  const memory = Buffer.allocUnsafeSlow(DIGEST_BYTES)
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(memory, 0, memory.length, position)
    if (bytesRead === 0) return hash.digest('hex')
    hash.update(memory.subarray(0, bytesRead))
    position += bytesRead
  }
}
