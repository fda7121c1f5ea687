// The results of a job as one stream, whatever their number: the parts that the manifest names, one after another.
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { BATCH_MEDIA_TYPES, type BatchFormat } from '../../contract/batch.ts'
import type { Download } from '../../contract/operation.ts'
import type { Input } from '../../contract/operations/index.ts'
import { fail } from '../../core/failure.ts'
import type { ParquetType } from '../../tables/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { manifestKey } from './policy.ts'
import { type BatchManifest, type BatchRow, getBatchRow, hasEnded } from './store.ts'

const BLOCK = 1 << 16

export async function getBatchResults(ctx: Ctx, input: Input<'batch_jobs.results'>): Promise<Download> {
  const row = await inTransaction(ctx, (ctx) => getBatchRow(ctx, input.job_id))
  refuseUnfinished(row)
  const manifest = await readManifest(ctx, row)
  const range = { offset: input.offset ?? 0, limit: input.limit ?? Number.POSITIVE_INFINITY }
  const format = input.format ?? row.output_format
  const head = { filename: `${row.id}.${format}`, mediaType: BATCH_MEDIA_TYPES[format] }
  return { ...head, ...(await WRITE[format](ctx, manifest, range)) }
}

function refuseUnfinished({ id, status, error }: BatchRow): void {
  if (status === 'succeeded') return
  if (!hasEnded(status)) {
    throw fail('conflict', 'BATCH_JOB_NOT_FINISHED', `Batch job ${id} is ${status}; it has no results yet`)
  }
  const why = status === 'failed' ? `has failed: ${error?.message}` : 'was cancelled'
  throw fail('conflict', 'BATCH_JOB_NOT_SUCCEEDED', `Batch job ${id} ${why}; it has no results`)
}

async function readManifest(ctx: Ctx, { folder }: BatchRow): Promise<BatchManifest> {
  const pieces: Uint8Array[] = []
  for await (const piece of await ctx.objects.get(manifestKey(folder))) pieces.push(piece as Uint8Array)
  return JSON.parse(Buffer.concat(pieces).toString('utf8')) as BatchManifest
}

interface Range {
  readonly offset: number
  readonly limit: number
}

type Written = Pick<Download, 'stream' | 'size'>
type Writer = (ctx: Ctx, manifest: BatchManifest, range: Range) => Promise<Written> | Written

const WRITE: Readonly<Record<BatchFormat, Writer>> = {
  jsonl(ctx, manifest, range) {
    if (range.offset > 0 || range.limit < manifest.rows)
      return { stream: Readable.from(lineBlocks(ctx, manifest, range)) }
    const size = manifest.parts.reduce((sum, { bytes }) => sum + bytes, 0)
    return { stream: Readable.from(whole(ctx, manifest), { objectMode: false }), size }
  },
  csv: (ctx, manifest, range) => ({ stream: Readable.from(csvBlocks(ctx, manifest, range)) }),
  parquet: writeParquet,
}

async function* whole({ objects }: Ctx, { parts }: BatchManifest): AsyncGenerator<Uint8Array> {
  for (const { key, bytes } of parts) if (bytes > 0) yield* await objects.get(key)
}

async function* lines({ objects }: Ctx, { parts }: BatchManifest, { offset, limit }: Range): AsyncGenerator<string[]> {
  let skip = offset
  let left = limit
  for (const { key, rows } of parts) {
    if (left <= 0) return
    if (skip >= rows) {
      skip -= rows
      continue
    }
    let rest = ''
    const decoder = new TextDecoder()
    const stream = await objects.get(key)
    for await (const piece of stream) {
      const block = (rest + decoder.decode(piece as Uint8Array, { stream: true })).split('\n')
      rest = block.pop()!
      const wanted = block.slice(skip, skip + left)
      skip = Math.max(0, skip - block.length)
      left -= wanted.length
      if (wanted.length > 0) yield wanted
      if (left <= 0) break
    }
    stream.destroy()
  }
}

async function* lineBlocks(ctx: Ctx, manifest: BatchManifest, range: Range): AsyncGenerator<string> {
  for await (const block of lines(ctx, manifest, range)) yield `${block.join('\n')}\n`
}

interface ResultLine {
  readonly row: number
  readonly prediction: unknown
  readonly confidence?: number
  readonly probabilities?: Readonly<Record<string, number>>
  readonly error?: string
}

async function* csvBlocks(ctx: Ctx, manifest: BatchManifest, range: Range): AsyncGenerator<string> {
  const { classes } = manifest
  const head = ['row', 'prediction', 'confidence', ...classes.map((name) => `probability_${name}`), 'error']
  yield `${head.map(csvCell).join(',')}\n`
  let text = ''
  for await (const block of lines(ctx, manifest, range)) {
    for (const line of block) {
      const { row, prediction, confidence, probabilities, error } = JSON.parse(line) as ResultLine
      const chances = classes.map((name) => csvCell(probabilities?.[name]))
      text += `${[row, csvCell(prediction), csvCell(confidence), ...chances, csvCell(error)].join(',')}\n`
    }
    if (text.length < BLOCK) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}

function csvCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Parquet ends with its table of contents, so the file is made before it is sent. */
async function writeParquet(ctx: Ctx, manifest: BatchManifest, range: Range): Promise<Written> {
  const folder = await mkdtemp(join(ctx.settings.tempDir, 'batch-results-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const from = join(folder, 'lines')
    const to = join(folder, 'parquet')
    await writeFile(from, flatLines(ctx, manifest, range))
    const chances = columnsOf(manifest.classes).map((name): [string, ParquetType] => [name, 'DOUBLE'])
    await ctx.tables.writeParquet(from, to, {
      row: 'BIGINT',
      prediction: PARQUET_TYPE[manifest.prediction_dtype] ?? 'VARCHAR',
      confidence: 'DOUBLE',
      ...Object.fromEntries(chances),
      error: 'VARCHAR',
    })
    const stream = createReadStream(to)
    stream.once('close', () => void remove().catch(() => {}))
    return { stream }
  } catch (error) {
    await remove()
    throw error
  }
}

const PARQUET_TYPE: Readonly<Record<string, ParquetType>> = {
  number: 'DOUBLE',
  integer: 'BIGINT',
  boolean: 'BOOLEAN',
}

/** Two classes that differ in upper and lower case only are two columns; the names of DuckDB's columns do not tell these apart. */
function columnsOf(classes: readonly string[]): readonly string[] {
  const taken = new Set<string>()
  return classes.map((name) => {
    let column = `probability_${name}`
    for (let n = 2; taken.has(column.toLowerCase()); n++) column = `probability_${name}_${n}`
    taken.add(column.toLowerCase())
    return column
  })
}

async function* flatLines(ctx: Ctx, manifest: BatchManifest, range: Range): AsyncGenerator<string> {
  const columns = columnsOf(manifest.classes)
  for await (const block of lines(ctx, manifest, range)) {
    const flat = block.map((line) => {
      const { probabilities, ...rest } = JSON.parse(line) as ResultLine
      const chances = manifest.classes.map((name, i) => [columns[i]!, probabilities?.[name] ?? null])
      return JSON.stringify({ ...rest, ...Object.fromEntries(chances) })
    })
    yield `${flat.join('\n')}\n`
  }
}
