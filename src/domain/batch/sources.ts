// From what a caller hands in to files that can be read in pieces: rows are written down as JSON lines, everything else is cut
// where it lies. Compressed and other files are made plain once, at submission, so that every chunk is a range of bytes.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { BatchRequest } from '../../contract/batch.ts'
import type { Signature } from '../../contract/models.ts'
import type { Upload } from '../../contract/operation.ts'
import { type FieldError, fail, invalid } from '../../core/failure.ts'
import { jsonLines, type Reading, type SplitTable } from '../../tables/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { getDatasetRow } from '../datasets/index.ts'
import { CHUNK_BYTES, inboxPrefix } from './policy.ts'
import type { BatchSource } from './store.ts'

export interface SourcePiece {
  readonly source: number
  readonly start: number
  readonly end: number
  readonly rows: number
}

export interface Sources {
  readonly sources: readonly BatchSource[]
  readonly pieces: readonly SourcePiece[]
  /** Of what was handed in. */
  readonly digest: string
}

export interface Wanted {
  readonly request: BatchRequest
  readonly upload: Upload | undefined
  /** Where the job keeps its things. */
  readonly folder: string
  /** Of the model; undefined for one written in code, which takes JSON lines as they are. */
  readonly signature: Signature | undefined
  readonly target: string | undefined
}

const LINES: Reading = { format: 'jsonl', gzip: false, encoding: 'utf-8', rewrite: false, columns: [] }

/** @throws `invalid` unless exactly one input is given, and for columns that the model does not know or misses. */
export async function makeSources(ctx: Ctx, wanted: Wanted): Promise<Sources> {
  const { request, upload } = wanted
  const given = ['input_batch', 'dataset_id', 'input_prefix'].filter((name) => name in request)
  if (given.length + (upload ? 1 : 0) !== 1) {
    upload?.stream.destroy()
    const message = 'give exactly one of input_batch, dataset_id, input_prefix and a file'
    throw invalid('request', [{ field: given[0] ?? 'input_batch', message }])
  }
  const found = upload
    ? await fromUpload(ctx, wanted, upload)
    : request.input_batch
      ? await fromRows(ctx, wanted, request.input_batch)
      : request.dataset_id !== undefined
        ? await fromDataset(ctx, wanted, request.dataset_id)
        : await fromInbox(ctx, wanted, request.input_prefix!)
  if (found.pieces.length === 0) {
    throw invalid('request', [{ field: given[0] ?? 'file', message: 'holds no rows' }])
  }
  return found
}

async function fromRows(ctx: Ctx, { request, folder }: Wanted, rows: readonly unknown[]): Promise<Sources> {
  const key = `${folder}/input/0`
  const { size, sha256 } = await ctx.objects.put(key, Readable.from(jsonLines(rows), { objectMode: false }), {
    signal: ctx.signal,
  })
  const source: BatchSource = { key, own: true, reading: LINES, ignoresUnknown: false }
  const digest = digestOf(request, sha256)
  const few = rows.length > 0 && rows.length <= ctx.settings.batchChunkRows && size <= CHUNK_BYTES
  if (few) return { sources: [source], pieces: [{ source: 0, start: 0, end: size, rows: rows.length }], digest }
  return cut(ctx, { key, reading: LINES }, async ({ pieces }) => ({
    sources: [source],
    pieces: pieces.map((piece) => ({ source: 0, ...piece })),
    digest,
  }))
}

async function fromUpload(ctx: Ctx, wanted: Wanted, upload: Upload): Promise<Sources> {
  const raw = `${wanted.folder}/input/raw`
  const { sha256 } = await ctx.objects.put(raw, upload.stream, { signal: ctx.signal, sha256: upload.sha256 })
  const file = { key: raw, own: true, index: 0 }
  const { source, pieces } = await fromFile(ctx, wanted, file)
  if (source.key !== raw) await ctx.objects.delete([raw])
  return { sources: [source], pieces, digest: digestOf(wanted.request, sha256) }
}

async function fromDataset(ctx: Ctx, wanted: Wanted, datasetId: string): Promise<Sources> {
  const row = await inTransaction(ctx, (ctx) => getDatasetRow(ctx, datasetId))
  const reading = row.reading as unknown as Reading
  const file = { key: row.object_key, own: false, index: 0, reading }
  const { source, pieces } = await fromFile(ctx, wanted, file)
  return { sources: [source], pieces, digest: digestOf(wanted.request, row.sha256) }
}

/** Many exports lie in several files; they are taken in the order of their names. */
async function fromInbox(ctx: Ctx, wanted: Wanted, prefix: string): Promise<Sources> {
  const sources: BatchSource[] = []
  const pieces: SourcePiece[] = []
  for await (const { key } of ctx.objects.list(inboxPrefix(ctx.caller.tenantId, prefix))) {
    const found = await fromFile(ctx, wanted, { key, own: false, index: sources.length })
    sources.push(found.source)
    pieces.push(...found.pieces)
  }
  if (sources.length === 0)
    throw invalid('request', [{ field: 'input_prefix', message: 'is the beginning of no file', value: prefix }])
  return { sources, pieces, digest: digestOf(wanted.request, '') }
}

interface FileInStore {
  readonly key: string
  readonly own: boolean
  readonly index: number
  /** Of a dataset, whose further columns are no mistake. */
  readonly reading?: Reading
}

async function fromFile(
  ctx: Ctx,
  wanted: Wanted,
  file: FileInStore,
): Promise<{ source: BatchSource; pieces: SourcePiece[] }> {
  return cut(ctx, file, async ({ path, rewritten, reading, pieces }) => {
    checkColumns(wanted, reading, file.reading !== undefined)
    const key = rewritten ? `${wanted.folder}/input/${file.index}` : file.key
    if (rewritten) await ctx.objects.put(key, createReadStream(path), { signal: ctx.signal })
    return {
      source: { key, own: rewritten || file.own, reading, ignoresUnknown: file.reading !== undefined },
      pieces: pieces.map((piece) => ({ source: file.index, ...piece })),
    }
  })
}

function cut<T>(
  ctx: Ctx,
  { key, reading }: { readonly key: string; readonly reading?: Reading },
  use: (split: SplitTable) => Promise<T>,
): Promise<T> {
  const limits = { rows: ctx.settings.batchChunkRows, bytes: CHUNK_BYTES }
  const options = { limits, signal: ctx.signal, ...(reading && { reading }) }
  return ctx.objects.localFile(key, (path) => ctx.tables.split(path, options, use))
}

/** JSON lines have no columns of their own: theirs are judged row by row. */
function checkColumns({ signature, target }: Wanted, reading: Reading, isDataset: boolean): void {
  if (reading.format === 'jsonl') return
  if (!signature) {
    throw fail('invalid', 'BATCH_INPUT_UNSUPPORTED', 'A model written in code takes rows or JSON lines, no other file')
  }
  const given = new Set(reading.columns.map(({ name }) => name))
  const known = new Set(signature.inputs.map(({ name }) => name))
  const errors: FieldError[] = signature.inputs
    .filter(({ name, nullable }) => !nullable && !given.has(name))
    .map(({ name }) => ({ field: name, message: 'is required, and no column of the file' }))
  if (!isDataset) {
    for (const name of given) {
      if (!known.has(name) && name !== target) errors.push({ field: name, message: 'is not a column of this model' })
    }
  }
  if (errors.length > 0) throw invalid('input', errors)
}

/** The live version may change between two submissions of one job; what was asked for does not. */
function digestOf({ input_batch: _, job_id: __, ...request }: BatchRequest, sha256: string): string {
  const sorted = Object.entries(request).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify([sorted, sha256]))
    .digest('hex')
}
