// An uploaded file while its request is still being read. Form fields may follow the file (curl sends them in the order
// they were typed), so the bytes go to disk first and are streamed from there; memory stays flat whatever the size.
// The file is unlinked as soon as it is open: even a killed process leaves nothing behind.
import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fail } from '../core/failure.ts'
import { giveUpAll, lend } from '../core/memory.ts'

const READ_BYTES = 256 * 1024
const WRITE_BYTES = 1024 * 1024

export interface Spooled {
  readonly size: number
  /** Of the open file, which has no name any more; undefined where the system has no such place. */
  readonly path: string | undefined
  /** A fresh reader from the first byte. */
  read(): Readable
  /** Lower-case hex SHA-256 of all its bytes. */
  readonly sha256: string
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
    const { size, sha256 } = await copy(source, file)
    return {
      size,
      sha256,
      path: process.platform === 'linux' ? `/proc/self/fd/${file.fd}` : undefined,
      read: () => Readable.from(piecesOf(file), { highWaterMark: 1 }),
      discard: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Small chunks (the reader's are at most 64 KiB) are gathered in one piece of memory, so that the disk sees few, large writes. */
async function copy(source: Readable, file: FileHandle): Promise<Pick<Spooled, 'size' | 'sha256'>> {
  const hash = createHash('sha256')
  const memory = Buffer.allocUnsafeSlow(WRITE_BYTES)
  let size = 0
  let waiting = 0
  const flush = async () => {
    hash.update(memory.subarray(0, waiting))
    for (let at = 0; at < waiting; ) {
      at += (await file.write(memory, at, waiting - at).catch(refuseFullDisk)).bytesWritten
    }
    waiting = 0
  }
  let last: Buffer | undefined
  for await (const chunk of source as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + memory.length - waiting)
      memory.set(part, waiting)
      waiting += part.length
      at += part.length
      if (waiting === memory.length) await flush()
    }
    size += chunk.length
    // Chunks are parts of what the socket brought, in order: with the first of another block nobody needs the one before.
    if (last && last.buffer !== chunk.buffer) giveUpAll(last)
    last = chunk
  }
  await flush()
  return { size, sha256: hash.digest('hex') }
}

function refuseFullDisk(cause: NodeJS.ErrnoException): never {
  if (cause.code !== 'ENOSPC' && cause.code !== 'EDQUOT') throw cause
  throw fail('unavailable', 'UPLOAD_SPACE', 'There is no room on disk for the upload', { cause, retryAfterSeconds: 60 })
}

/** Each in memory of its own, freed by whoever has stored it. */
async function* piecesOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(READ_BYTES), 0, READ_BYTES, position)
    if (bytesRead === 0) return
    yield lend(buffer.subarray(0, bytesRead))
    position += bytesRead
  }
}
