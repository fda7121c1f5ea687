// JSON lines with observations, an object a line. Read here and not as a table, because a table has one value a cell and a feature
// may be a list; and a line that cannot be read must not cost the file.
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { invalid, MlError } from '../../core/failure.ts'
import { mostExpanded } from '../../tables/reading.ts'

const SAMPLE_BYTES = 64 * 1024
const LINE_BYTES = 4 * 1024 * 1024
const LINES_A_BATCH = 1000
const NEWLINE = 0x0a

/** Undefined for a line that is no object of JSON in UTF-8. */
type Line = Readonly<Record<string, unknown>> | undefined

/** Batches of lines, empty ones left out; undefined where the file is of another kind, for the table reader to say what. */
export async function openLines(
  path: string,
  signal: AbortSignal,
): Promise<AsyncIterable<readonly Line[]> | undefined> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(SAMPLE_BYTES), position: 0 })
    const start = buffer.subarray(0, bytesRead)
    const gzip = start[0] === 0x1f && start[1] === 0x8b
    const opening = gzip ? await firstChunk({ path, gzip, signal }) : start
    return /^\uFEFF?\s*\{\s*["}]/.test(opening.toString('utf8')) ? batchesOf({ path, gzip, signal }) : undefined
  } finally {
    await file.close()
  }
}

interface LinesFile {
  readonly path: string
  readonly gzip: boolean
  readonly signal: AbortSignal
}

async function firstChunk(file: LinesFile): Promise<Buffer> {
  for await (const chunk of readable(file)) return chunk
  return Buffer.alloc(0)
}

/** @throws `invalid` where it is no gzip after all, or a small file that never ends. */
async function* readable({ path, gzip, signal }: LinesFile): AsyncGenerator<Buffer> {
  const most = gzip ? mostExpanded((await stat(path)).size) : Number.POSITIVE_INFINITY
  const raw = createReadStream(path)
  const plain = gzip ? pipeline(raw, createGunzip(), () => {}) : raw
  let bytes = 0
  try {
    for await (const chunk of plain) {
      signal.throwIfAborted()
      bytes += (chunk as Buffer).length
      if (bytes > most) throw unreadable(`expands to more than ${most} bytes`)
      yield chunk as Buffer
    }
  } catch (cause) {
    signal.throwIfAborted()
    throw cause instanceof MlError ? cause : unreadable(`cannot be read: ${String((cause as Error).message)}`)
  } finally {
    raw.destroy()
  }
}

function unreadable(message: string): MlError {
  return invalid('file', [{ field: 'file', message }])
}

async function* batchesOf(file: LinesFile): AsyncGenerator<readonly Line[]> {
  let batch: Line[] = []
  for await (const line of linesOf(readable(file))) {
    if (isEmpty(line)) continue
    if (batch.push(read(line)) < LINES_A_BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** @throws `invalid` for a line that is too long to be held. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = []
  let held = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      rest.push(chunk.subarray(from, at))
      yield rest.length === 1 ? rest[0]! : Buffer.concat(rest)
      rest = []
      held = 0
      from = at + 1
    }
    held += chunk.length - from
    if (held > LINE_BYTES) throw unreadable(`has a line of more than ${LINE_BYTES} bytes`)
    rest.push(chunk.subarray(from))
  }
  yield Buffer.concat(rest)
}

function isEmpty(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function read(line: Buffer): Line {
  try {
    const value: unknown = JSON.parse(utf8.decode(line))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Line) : undefined
  } catch {
    return undefined
  }
}
