// One chunk: its bytes, the predictions of its rows, the lines that say them, some thousand rows at a time. The fast way reads
// whole columns; the slow way judges every row as a prediction request would, and is taken by JSON lines and by any block
// with a row to be refused.
import type { Signature } from '../../contract/models.ts'
import { type FieldError, fail } from '../../core/failure.ts'
import type { LoadedModel, Tensors } from '../../runtime/index.ts'
import { type CsvBlock, csvBlocks } from '../../tables/index.ts'
import {
  type Answer,
  NO_ANSWER,
  predictCustomRows,
  type ReadyVersion,
  readAnswers,
  type ServedVersion,
  type ServingCtx,
  tracedRun,
} from '../serving/index.ts'
import { ahead, type Finish, RUNS_AHEAD } from './ahead.ts'
import type { Claim } from './claim.ts'
import { compileFeeds } from './feeds.ts'
import { type LineWriter, lineWriter } from './lines.ts'
import { BadLine, lineBlocks, type RowBlock, readRows } from './rows.ts'
import type { BatchSource } from './store.ts'

/** Rows that go through the model at once. */
const ROWS_A_RUN = 2048
/** A graph over prose has tens of thousands of dense columns inside. */
const ROWS_A_RUN_OF_TEXT = 128
/** Those, and the one that is being made ready. */
const BLOCKS_HELD = RUNS_AHEAD + 1
const RUN_LIMIT_MS = 120_000
/** Wrong cells of one row, and characters of one, that its error names: a row of 4,096 wrong ones must not become a document. */
const MOST_SAID = 20
const MOST_SHOWN = 100
/** Somebody waits for a request; nobody waits for a chunk. */
const BEHIND_REQUESTS = 3

export interface ChunkWork {
  readonly claim: Claim
  readonly source: BatchSource
}

export interface ChunkLines {
  readonly bytes: Buffer<ArrayBuffer>
  readonly failedRows: number
  readonly errors: LineWriter['errors']
}

export async function predictChunk(ctx: ServingCtx, served: ServedVersion, work: ChunkWork): Promise<ChunkLines> {
  const bytes = await readPiece(ctx, work)
  try {
    return await served.use(async (ready) => {
      const lines = lineWriter()
      await runBlocks(ctx, { ...work, bytes, signature: served.record.signature, ready, lines })
      return { bytes: lines.bytes(), failedRows: lines.failedRows, errors: lines.errors }
    })
  } finally {
    // Its memory at once: several chunks would wait for the garbage collector.
    bytes.buffer.transfer(0)
  }
}

/** The same for a model written in code. */
export async function predictCustomChunk(ctx: ServingCtx, name: string, work: ChunkWork): Promise<ChunkLines> {
  const model = ctx.serving.custom.find(name)
  if (!model) throw fail('not_found', 'MODEL_NOT_FOUND', `The model "${name}" is not registered in this process`)
  const rows = readRows(await readPiece(ctx, work), work.source, undefined)
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

async function readPiece(ctx: ServingCtx, { claim, source }: ChunkWork): Promise<Buffer<ArrayBuffer>> {
  // In place as it comes: pieces put together at the end would lie in memory twice.
  const bytes = Buffer.allocUnsafeSlow(claim.end - claim.start)
  let length = 0
  const stream = await ctx.objects.get(source.key, { start: claim.start, end: claim.end - 1 })
  for await (const piece of stream) {
    bytes.set((piece as Uint8Array).subarray(0, bytes.length - length), length)
    length += (piece as Uint8Array).length
  }
  if (length === bytes.length) return bytes
  throw fail('unavailable', 'BATCH_INPUT_SHORT', `${source.key} is shorter than it was when the job was submitted`)
}

interface ChunkRun extends ChunkWork {
  readonly bytes: Buffer
  readonly signature: Signature
  readonly ready: ReadyVersion
  readonly lines: LineWriter
}

/** Some rows on their way through the model. */
interface Block extends RowBlock {
  /** Number of the first row in the job. */
  readonly first: number
  /** Of all rows; undefined where they have to be looked at one by one. */
  readonly feeds: Tensors | undefined
}

async function runBlocks(ctx: ServingCtx, run: ChunkRun): Promise<void> {
  await ahead(blocksOf(run), async (block) =>
    block.feeds ? runColumns(ctx, run, { ...block, feeds: block.feeds }) : runRows(ctx, run, block),
  )
}

function* blocksOf({ claim, source: { reading }, bytes, signature, ready }: ChunkRun): Generator<Block> {
  const size = ready.reader.rowByRow ? 1 : rowsARun(signature)
  const toFeeds = compileFeeds(signature, ready.model.info)
  const blocks: Iterable<RowBlock & Partial<CsvBlock>> =
    reading.format === 'csv'
      ? csvBlocks(bytes, { reading, wanted: signature.inputs, rows: size, held: BLOCKS_HELD })
      : lineBlocks(bytes, size)
  let rows = 0
  for (const { table, ...block } of blocks) {
    yield { ...block, first: claim.firstRow + rows, feeds: table && toFeeds(table) }
    rows += block.rows
  }
  if (rows === claim.rows) return
  throw fail('internal', 'BATCH_ROWS_DIFFER', `A chunk of ${claim.rows} rows was read as ${rows}`)
}

async function runColumns(
  ctx: ServingCtx,
  { signature, ready, lines }: ChunkRun,
  { first, rows, feeds }: Block & { readonly feeds: Tensors },
): Promise<Finish> {
  const outputs = await infer(ctx, ready.model, feeds)
  return () => {
    const answers = readAnswers(signature, outputs, rows)
    for (let i = 0; i < rows; i++) writeLine(lines, first + i, answers[i]!)
  }
}

async function runRows(
  ctx: ServingCtx,
  { source, bytes, signature, ready, lines }: ChunkRun,
  { start, end, first }: Block,
): Promise<Finish> {
  const given = readRows(bytes.subarray(start, end), source, signature)
  const readable = given.map((row) => (row instanceof BadLine ? [] : row))
  const read = ready.reader.read(readable, () => '')
  const outputs = read.rows.length > 0 ? await infer(ctx, ready.model, read.feeds) : {}
  return () => {
    const answers = read.rows.length > 0 ? readAnswers(signature, outputs, read.rows.length) : []
    const kept = new Map(read.rows.map((index, at) => [index, answers[at]!]))
    for (const [i, row] of given.entries()) {
      const answer = row instanceof BadLine ? undefined : kept.get(i)
      if (answer) writeLine(lines, first + i, answer)
      else lines.refuse(first + i, row instanceof BadLine ? row.reason : sentence(read.errors.get(i)))
    }
  }
}

function writeLine(lines: LineWriter, row: number, answer: Answer): void {
  if (answer.prediction === null) lines.refuse(row, NO_ANSWER)
  else lines.answer(row, answer)
}

function rowsARun({ inputs }: Signature): number {
  return inputs.some(({ dtype }) => dtype === 'text') ? ROWS_A_RUN_OF_TEXT : ROWS_A_RUN
}

async function infer(ctx: ServingCtx, model: LoadedModel, feeds: Tensors) {
  const options = {
    gone: () => ctx.signal.aborted,
    tenant: ctx.caller.tenantId,
    priority: BEHIND_REQUESTS,
    patience: 'until the deadline',
    timeoutMs: RUN_LIMIT_MS,
    limitMs: RUN_LIMIT_MS,
  } as const
  const { outputs } = await tracedRun(ctx, { model, feeds, options })
  return outputs
}

/** Nobody sees the cell behind a row of a file, so it is said. */
function sentence(errors: readonly FieldError[] = []): string {
  const said = errors.slice(0, MOST_SAID).map(({ field, message, value }) => {
    return `${field} ${message}${value === undefined ? '' : `: ${shown(value)}`}`.trim()
  })
  if (errors.length > MOST_SAID) said.push('and more')
  return said.join('; ') || 'was refused'
}

function shown(value: unknown): string {
  // JSON has no infinity.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? '')
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text
}
