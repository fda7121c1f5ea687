// Wide CSV is copied into strips of some columns each, and read from those: in every statement the engine takes time for every column of
// the file, and where it reads them all, memory for 2,000 cells of each and time for the square of their number (docs/decisions/060).
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ColumnCutter, type Columns } from './cut-columns.ts'
import type { TableFile } from './facts.ts'
import type { SourceFile } from './source.ts'

/** Most columns of a statement that has expressions of its own for each. */
export const COLUMNS_A_PASS = 60
/** Most columns of a strip, whose columns are read one upon the other where they are alike. */
const STRIP_COLUMNS = 250
const BLOCK_BYTES = 256 * 1024
const WRITTEN_BYTES = 32 * 1024

/** A file of CSV without a header. */
export interface Strip extends Columns {
  readonly path: string
  readonly rows: number
}

export interface StripOptions {
  /** Of the operation. */
  readonly folder: string
  readonly signal?: AbortSignal | undefined
  /** Most columns of a strip. */
  readonly width?: number
}

export function isWide({ reading }: TableFile): boolean {
  return reading.format === 'csv' && reading.columns.length > COLUMNS_A_PASS
}

/** The same table; a wide one is copied into strips. */
export async function inStrips(table: TableFile, options: StripOptions): Promise<TableFile> {
  if (!isWide(table)) return table
  for await (const whole of stripsOfRows(table, { ...options, rows: Number.POSITIVE_INFINITY })) return whole
  throw new Error('A file was cut into no strips')
}

interface RowsInStrips extends StripOptions {
  readonly rows: number
  readonly skip?: number
}

/** A wide table as tables of so many rows each. The files of one go when the next is asked for, the last ones with the folder. */
export async function* stripsOfRows(table: TableFile, options: RowsInStrips): AsyncGenerator<TableFile> {
  const { file, reading } = table
  const { folder, rows, skip, signal, width = STRIP_COLUMNS } = options
  const columns = layOut(reading.columns.length, width)
  const cutter = new ColumnCutter(reading.delimiter ?? ',', columns, { skip, most: rows })
  let part = 0
  let files = await openStrips(columns, `${folder}/strip-${part}`)
  try {
    for await (const block of blocksOf(file)) {
      signal?.throwIfAborted()
      for (let at = 0; at < block.length; ) {
        at = cutter.push(block, at)
        await files.write(cutter)
        if (!cutter.isFull) continue
        yield { ...table, file: { ...file, strips: await files.finish(cutter) } }
        await files.remove()
        files = await openStrips(columns, `${folder}/strip-${++part}`)
      }
    }
    cutter.end()
    if (cutter.rows > 0 || part === 0) yield { ...table, file: { ...file, strips: await files.finish(cutter) } }
  } finally {
    await files.close()
  }
}

/** Groups of at most `most` that one statement can read, in the order of the columns. */
export function* readTogether<T>(
  { strips }: SourceFile,
  items: readonly T[],
  { most, indexOf }: { readonly most: number; readonly indexOf: (item: T) => number },
): Generator<T[]> {
  let group: T[] = []
  for (const item of items.toSorted((a, b) => indexOf(a) - indexOf(b))) {
    const isApart = group.length > 0 && stripOf(strips, indexOf(group[0]!)) !== stripOf(strips, indexOf(item))
    if (isApart || group.length === most) {
      yield group
      group = []
    }
    group.push(item)
  }
  if (group.length > 0) yield group
}

export function stripOf(strips: readonly Strip[] | undefined, index: number): Strip | undefined {
  return strips?.find(({ from, to }) => index >= from && index < to)
}

/** Of a file that lies in strips. */
export function rowsIn({ strips }: SourceFile): number {
  return strips?.[0]?.rows ?? 0
}

/** Even ones, so that none is of a single column, where a blank line would be a row. */
function layOut(all: number, most: number): Columns[] {
  const count = Math.ceil(all / most)
  const border = (k: number) => Math.floor((k * all) / count)
  return Array.from({ length: count }, (_, k) => ({ from: border(k), to: border(k + 1) }))
}

interface StripFiles {
  /** What has gathered, where it is worth it. */
  write(cutter: ColumnCutter): Promise<void>
  /** The rest; the cutter begins anew. */
  finish(cutter: ColumnCutter): Promise<Strip[]>
  close(): Promise<void>
  remove(): Promise<void>
}

async function openStrips(columns: readonly Columns[], path: string): Promise<StripFiles> {
  const strips = columns.map((one, k) => ({ ...one, path: `${path}-${k}` }))
  const files: FileHandle[] = []
  for (const strip of strips) files.push(await open(strip.path, 'w'))
  const write = async (cutter: ColumnCutter, least: number) => {
    for (const [k, strip] of cutter.strips.entries()) {
      if (strip.length < least) continue
      await files[k]!.writeFile(strip.bytes.subarray(0, strip.length))
      strip.length = 0
    }
  }
  const close = async () => void (await Promise.all(files.splice(0).map((file) => file.close())))
  return {
    write: (cutter) => write(cutter, WRITTEN_BYTES),
    async finish(cutter) {
      await write(cutter, 1)
      await close()
      const { rows } = cutter
      cutter.rows = 0
      return strips.map((strip) => ({ ...strip, rows }))
    },
    close,
    remove: async () => void (await Promise.all(strips.map((strip) => rm(strip.path)))),
  }
}

/** The same memory every time where the file is plain: a stream would make its own for every block. */
async function* blocksOf({ path, gzip }: SourceFile): AsyncGenerator<Buffer> {
  if (gzip) {
    // Not by `pipe`, which leaves the file open where the reading ends early.
    yield* pipeline(createReadStream(path), createGunzip({ chunkSize: BLOCK_BYTES }), () => {})
    return
  }
  await using file = await open(path)
  const memory = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  for (;;) {
    const { bytesRead } = await file.read(memory)
    if (bytesRead === 0) return
    yield memory.subarray(0, bytesRead)
  }
}
