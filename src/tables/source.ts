// The bytes DuckDB is to read. Every operation gets a folder of its own holding either a link to the upload or a copy made
// plain (decompressed, UTF-8, one kind of line end). The link gives DuckDB a path without characters it would expand.
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, open, realpath, rm, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { mostExpanded, type Reading, type TableLimits } from './reading.ts'
import { refuse } from './refuse.ts'
import { isGzip, SAMPLE_BYTES } from './sniff.ts'
import type { Strip } from './strips.ts'

/** Of this process, on Linux: also those whose name is gone. */
const OPEN_FILES = '/proc/self/fd/'

export interface SourceFolder {
  readonly path: string
  [Symbol.asyncDispose](): Promise<void>
}

/** A fresh folder under `tempDir`, removed with everything in it. */
export async function sourceFolder(tempDir: string): Promise<SourceFolder> {
  const path = await realpath(await mkdtemp(join(tempDir, 'table-')))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export interface SourceFile {
  readonly path: string
  /** Where the path leads: DuckDB judges access by it. */
  readonly realPath: string
  readonly gzip: boolean
  /** Where there are some, its columns are read from them. */
  readonly strips?: readonly Strip[] | undefined
}

export interface SourceOptions {
  readonly folder: SourceFolder
  readonly limits: TableLimits
  readonly signal?: AbortSignal | undefined
}

/** The first bytes of a file. */
export async function readHead(path: string, bytes: number = SAMPLE_BYTES): Promise<Buffer> {
  await using file = await open(path, 'r')
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0)
  return buffer.subarray(0, bytesRead)
}

/** Decompresses into the folder, within the limits: a bomb stops early and leaves nothing behind. */
export async function expand(path: string, options: SourceOptions): Promise<string> {
  const { limits, folder, signal } = options
  const target = join(folder.path, 'expanded')
  const packed = (await stat(path)).size
  const most = mostExpanded(packed, limits)
  let bytes = 0
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes <= most) return done(null, chunk)
      done(refuse('limit', `The compressed file of ${packed} bytes expands to more than ${most} bytes`))
    },
  })
  const gunzip = createGunzip({ chunkSize: 256 * 1024 })
  try {
    await pipeline(createReadStream(path), gunzip, meter, createWriteStream(target), { signal })
  } catch (error) {
    throw brokenGzip(error)
  }
  // Zeros behind the end are passed over here, and stop the engine, which reads the packed file later on.
  if (gunzip.bytesWritten < packed) throw refuse('format', 'The gzip file goes on after its end')
  return target
}

function brokenGzip(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'Z_BUF_ERROR') return refuse('format', 'The gzip file is cut off before its end')
  return code.startsWith('Z_') ? refuse('format', `The gzip file is damaged (${(error as Error).message})`) : error
}

/** The file as DuckDB reads it under `reading`; `path` may be the upload or an already expanded copy of it. */
export async function sourceFile(path: string, reading: Reading, options: SourceOptions): Promise<SourceFile> {
  const gzip = isGzip(await readHead(path, 2))
  if (gzip && (reading.rewrite || reading.format === 'parquet')) {
    return sourceFile(await expand(path, options), reading, options)
  }
  if (reading.rewrite) {
    const plain = await rewrite(path, reading, options)
    return { path: plain, realPath: plain, gzip: false }
  }
  // Leads to no path; DuckDB then judges access by the name it is given.
  if (path.startsWith(OPEN_FILES)) return { path, realPath: path, gzip }
  const link = join(options.folder.path, gzip ? 'table.gz' : 'table')
  const target = await realpath(path)
  await symlink(target, link)
  return { path: link, realPath: target, gzip }
}

/** A copy as UTF-8 with `\n` line ends (inside quotes too, where a line end is as good as another). */
async function rewrite(path: string, reading: Reading, { folder, signal }: SourceOptions): Promise<string> {
  const target = join(folder.path, 'plain')
  const decoder = new TextDecoder(reading.encoding, { fatal: true })
  let afterReturn = false
  const convert = (text: string): string => {
    const joined = afterReturn && text.startsWith('\n') ? text.slice(1) : text
    if (text !== '') afterReturn = text.endsWith('\r')
    return joined.replaceAll('\r\n', '\n').replaceAll('\r', '\n')
  }
  const plain = new Transform({
    decodeStrings: true,
    transform(chunk: Buffer, _encoding, done) {
      decodeInto(done, () => convert(decoder.decode(chunk, { stream: true })))
    },
    flush(done) {
      decodeInto(done, () => convert(decoder.decode()))
    },
  })
  await pipeline(createReadStream(path, { highWaterMark: 256 * 1024 }), plain, createWriteStream(target), { signal })
  return target
}

function decodeInto(done: (error?: Error | null, text?: string) => void, decode: () => string): void {
  try {
    done(null, decode())
  } catch {
    done(refuse('encoding', 'The file holds bytes that its encoding does not allow'))
  }
}
