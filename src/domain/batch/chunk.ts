// One chunk: its bytes, the predictions of its rows, the lines that say them. The fast way reads whole columns; the slow way
// judges every row as a prediction request would, and is taken by JSON lines and by any chunk with a row to be refused.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Signature } from '../../contract/models.ts'
import { type FieldError, fail, MlError } from '../../core/failure.ts'
import type { LoadedModel, Tensors } from '../../runtime/index.ts'
import { isSlashed, parseMoment } from '../../tables/cell.ts'
import { csvRecords } from '../../tables/index.ts'
import {
  predictCustomRows,
  type ReadyVersion,
  readAnswers,
  type ServedVersion,
  type ServingCtx,
} from '../serving/index.ts'
import type { Claim } from './claim.ts'
import { compileFeeds, type TableFeeds } from './feeds.ts'
import { type LineWriter, lineWriter } from './lines.ts'
import type { BatchSource } from './store.ts'

/** Rows that go through the model at once. */
const ROWS_A_RUN = 2048
/** A graph over prose has tens of thousands of dense columns inside. */
const ROWS_A_RUN_OF_TEXT = 128
/** Runs under way: one is worked on while the next is made ready and the last is written down. */
const RUNS_AHEAD = 2
const RUN_LIMIT_MS = 120_000
/** Somebody waits for a request; nobody waits for a chunk. */
const BEHIND_REQUESTS = 3

export interface ChunkWork {
  readonly claim: Claim
  readonly source: BatchSource
  /** An empty folder of its own. */
  readonly folder: string
}

export interface ChunkLines {
  readonly bytes: Buffer
  readonly failedRows: number
  readonly errors: LineWriter['errors']
}

export async function predictChunk(ctx: ServingCtx, served: ServedVersion, work: ChunkWork): Promise<ChunkLines> {
  const bytes = await readPiece(ctx, work)
  return served.use(async (ready) => {
    const lines = lineWriter()
    const { signature } = served.record
    const feeds = ready.reader.rowByRow ? undefined : await columnFeeds(ctx, { ...work, bytes, signature, ready })
    if (feeds) await runColumns(ctx, { feeds, signature, model: ready.model, claim: work.claim, lines })
    else await runRows(ctx, { rows: rowsOf(bytes, work, signature), signature, ready, claim: work.claim, lines })
    return { bytes: lines.bytes(), failedRows: lines.failedRows, errors: lines.errors }
  })
}

/** The same for a model written in code. */
export async function predictCustomChunk(ctx: ServingCtx, name: string, work: ChunkWork): Promise<ChunkLines> {
  const model = ctx.serving.custom.find(name)
  if (!model) throw fail('not_found', 'MODEL_NOT_FOUND', `The model "${name}" is not registered in this process`)
  const rows = rowsOf(await readPiece(ctx, work), work, undefined)
  const lines = lineWriter()
  const readable = rows.filter((row) => !(row instanceof BadLine))
  const { answers, errors } = await predictCustomRows(ctx, model, { rows: readable, place: () => '' })
  let at = 0
  for (const [i, row] of rows.entries()) {
    const place = work.claim.firstRow + i
    if (row instanceof BadLine) lines.refuse(place, row.reason)
    else {
      const answer = answers[at]
      if (answer) lines.answer(place, answer)
      else lines.refuse(place, sentence(errors.get(at)))
      at++
    }
  }
  return { bytes: lines.bytes(), failedRows: lines.failedRows, errors: lines.errors }
}

async function readPiece(ctx: ServingCtx, { claim, source }: ChunkWork): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  const stream = await ctx.objects.get(source.key, { start: claim.start, end: claim.end - 1 })
  for await (const piece of stream) pieces.push(piece as Uint8Array)
  const bytes = Buffer.concat(pieces)
  if (bytes.length === claim.end - claim.start) return bytes
  throw fail('unavailable', 'BATCH_INPUT_SHORT', `${source.key} is shorter than it was when the job was submitted`)
}

interface Columns extends ChunkWork {
  readonly bytes: Buffer
  readonly signature: Signature
  readonly ready: ReadyVersion
}

/** Undefined where the rows have to be looked at one by one. */
async function columnFeeds(
  ctx: ServingCtx,
  { source, bytes, claim, folder, signature, ready }: Columns,
): Promise<TableFeeds | undefined> {
  const { reading } = source
  if (reading.format !== 'csv') return undefined
  const path = join(folder, 'chunk')
  const header = reading.columns.map((_, i) => `c${i}`).join(reading.delimiter)
  await writeFile(path, [Buffer.from(`${header}\n`), bytes])
  const inFile = new Set(reading.columns.map(({ name }) => name))
  const wanted = signature.inputs
    .filter(({ name }) => inFile.has(name))
    .map(({ name, dtype, nullable, categories }) => ({
      name,
      dtype,
      nullable,
      required: false,
      ...(categories && { categories }),
    }))
  if (wanted.length === 0) return undefined
  try {
    const table = await ctx.tables.load({ path, reading }, wanted, ctx.signal)
    return table.rows === claim.rows ? compileFeeds(signature, ready.model.info, table) : undefined
  } catch (error) {
    if (error instanceof MlError && error.code === 'DATASET_INVALID') return undefined
    throw error
  }
}

interface ColumnRun {
  readonly feeds: TableFeeds
  readonly signature: Signature
  readonly model: LoadedModel
  readonly claim: Claim
  readonly lines: LineWriter
}

async function runColumns(ctx: ServingCtx, { feeds, signature, model, claim, lines }: ColumnRun): Promise<void> {
  const size = rowsARun(signature)
  await ahead(starts(claim.rows, size), async (from) => {
    const to = Math.min(claim.rows, from + size)
    const outputs = await run(ctx, model, feeds(from, to))
    return () => {
      const answers = readAnswers(signature, outputs, to - from)
      for (let i = 0; i < answers.length; i++) lines.answer(claim.firstRow + from + i, answers[i]!)
    }
  })
}

interface RowRun extends Omit<ColumnRun, 'feeds' | 'model'> {
  readonly rows: readonly unknown[]
  readonly ready: ReadyVersion
}

async function runRows(ctx: ServingCtx, { rows, signature, ready, claim, lines }: RowRun): Promise<void> {
  if (rows.length !== claim.rows) {
    throw fail('internal', 'BATCH_ROWS_DIFFER', `A chunk of ${claim.rows} rows was read as ${rows.length}`)
  }
  const size = ready.reader.rowByRow ? 1 : rowsARun(signature)
  await ahead(starts(rows.length, size), async (from) => {
    const given = rows.slice(from, from + size)
    const readable = given.map((row) => (row instanceof BadLine ? [] : row))
    const read = ready.reader.read(readable, () => '')
    const outputs = read.rows.length > 0 ? await run(ctx, ready.model, read.feeds) : {}
    return () => {
      const answers = read.rows.length > 0 ? readAnswers(signature, outputs, read.rows.length) : []
      const kept = new Map(read.rows.map((index, at) => [index, answers[at]!]))
      for (const [i, row] of given.entries()) {
        const place = claim.firstRow + from + i
        const answer = row instanceof BadLine ? undefined : kept.get(i)
        if (answer) lines.answer(place, answer)
        else lines.refuse(place, row instanceof BadLine ? row.reason : sentence(read.errors.get(i)))
      }
    }
  })
}

function rowsARun({ inputs }: Signature): number {
  return inputs.some(({ dtype }) => dtype === 'text') ? ROWS_A_RUN_OF_TEXT : ROWS_A_RUN
}

async function run(ctx: ServingCtx, model: LoadedModel, feeds: Tensors) {
  const { outputs } = await model.run(feeds, {
    gone: () => ctx.signal.aborted,
    tenant: ctx.caller.tenantId,
    priority: BEHIND_REQUESTS,
    timeoutMs: RUN_LIMIT_MS,
    limitMs: RUN_LIMIT_MS,
  })
  return outputs
}

function* starts(rows: number, size: number): Generator<number> {
  for (let from = 0; from < rows; from += size) yield from
}

/** Begins some steps ahead of the one whose end is awaited; `finish` is called in order. */
async function ahead(steps: Iterable<number>, begin: (step: number) => Promise<() => void>): Promise<void> {
  const underWay: Promise<() => void>[] = []
  for (const step of steps) {
    const begun = begin(step)
    // Awaited below; without this a failure behind another one would end the process.
    begun.catch(() => {})
    underWay.push(begun)
    if (underWay.length > RUNS_AHEAD) (await underWay.shift()!)()
  }
  for (const begun of underWay) (await begun)()
}

/** A line that holds no row. */
class BadLine {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

function rowsOf(bytes: Buffer, { source }: ChunkWork, signature: Signature | undefined): readonly unknown[] {
  const text = bytes.toString('utf8')
  const { reading, ignoresUnknown } = source
  if (reading.format === 'csv') return csvRows(text, source, signature)
  const known = ignoresUnknown && signature ? new Set(signature.inputs.map(({ name }) => name)) : undefined
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const row = parseLine(line)
      return known && row !== null && typeof row === 'object' && !Array.isArray(row) ? only(row, known) : row
    })
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    return new BadLine(`is not valid JSON: ${(error as Error).message}`)
  }
}

function only(row: object, known: ReadonlySet<string>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([name]) => known.has(name)))
}

function csvRows(text: string, { reading }: BatchSource, signature: Signature | undefined): readonly unknown[] {
  const { columns, delimiter = ',' } = reading
  const known = new Set(signature?.inputs.map(({ name }) => name))
  return csvRecords(text, delimiter, columns.length).map((cells) => {
    const trailing = cells.length === columns.length + 1 && cells.at(-1) === ''
    if (cells.length !== columns.length && !trailing) {
      return new BadLine(`has ${cells.length} fields where the header has ${columns.length}`)
    }
    return Object.fromEntries(
      columns.flatMap(({ name, slashOrder }, i) => {
        if (!known.has(name)) return []
        const cell = cells[i]!.trim()
        const moment = slashOrder && isSlashed(cell) ? parseMoment(cell, slashOrder) : undefined
        return [[name, moment === undefined ? cell : new Date(moment).toISOString()]]
      }),
    )
  })
}

function sentence(errors: readonly FieldError[] = []): string {
  return errors.map(({ field, message }) => `${field} ${message}`.trim()).join('; ') || 'was refused'
}
