// JSON lines with observations, an object a line. Read here and not as a table, because a table has one value a cell and a feature
// may be a list; and a line that cannot be read must not cost the file.
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { invalid } from '../../core/failure.ts'

const SAMPLE_BYTES = 64 * 1024
const LINE_BYTES = 4 * 1024 * 1024
const LINES_A_BATCH = 1000
const NEWLINE = 0x0a

/** Undefined for a line that is no object of JSON in UTF-8. */
type Line = Readonly<Record<string, unknown>> | undefined

/** Batches of lines, empty ones left out; undefined where the file is of another kind, for the table reader to say what. */
export async function openLines(path: string): Promise<AsyncIterable<readonly Line[]> | undefined> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(SAMPLE_BYTES), position: 0 })
    const start = buffer.subarray(0, bytesRead)
    const gzip = start[0] === 0x1f && start[1] === 0x8b
    const opening = gzip ? await firstChunk(path) : start
    return /^\uFEFF?\s*\{\s*["}]/.test(opening.toString('utf8')) ? batchesOf(path, gzip) : undefined
  } finally {
    await file.close()
  }
}

async function firstChunk(path: string): Promise<Buffer> {
  for await (const chunk of readable(path, true)) return chunk
  return Buffer.alloc(0)
}

/** @throws `invalid` where it is no gzip after all. */
async function* readable(path: string, gzip: boolean): AsyncGenerator<Buffer> {
  const raw = createReadStream(path)
  const plain = gzip ? raw.pipe(createGunzip()) : raw
  try {
    for await (const chunk of plain) yield chunk as Buffer
  } catch (cause) {
    throw invalid('file', [{ field: 'file', message: `cannot be read: ${String((cause as Error).message)}` }])
  } finally {
    raw.destroy()
  }
}

async function* batchesOf(path: string, gzip: boolean): AsyncGenerator<readonly Line[]> {
  let batch: Line[] = []
  for await (const line of linesOf(readable(path, gzip))) {
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
    if (held > LINE_BYTES)
      throw invalid('file', [{ field: 'file', message: `has a line of more than ${LINE_BYTES} bytes` }])
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
