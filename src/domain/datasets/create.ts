// A new dataset: the bytes go to the object store and are inspected, and only then does a row make them visible. Whatever fails on the way
// takes the bytes with it, unless the row may be there all the same.
import { basename } from 'node:path'
import { Readable, Transform } from 'node:stream'
import type { DataContract, Dataset, ValidationReport } from '../../contract/datasets.ts'
import type { Upload } from '../../contract/operation.ts'
import type { Input } from '../../contract/operations/index.ts'
import { fail, invalid } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { json } from '../../ports/db/index.ts'
import type { StoredObject } from '../../ports/objects/index.ts'
import { type Inspection, jsonLines } from '../../tables/index.ts'
import { type Ctx, inLastTransaction, mayStand } from '../ctx.ts'
import { emit } from '../events.ts'
import { completeContract, datasetKey } from './policy.ts'
import { datasetDocument } from './store.ts'

type CreateInput = Input<'datasets.create'>

export async function createDataset(ctx: Ctx, input: CreateInput, upload?: Upload): Promise<Dataset> {
  const source = sourceOf(input, upload)
  const contract = input.contract && completeContract(input.contract)
  const wanted = { ...(input.target !== undefined && { target: input.target }), ...(contract && { contract }) }
  const id = newId('dataset')
  const key = datasetKey(ctx.caller.tenantId, id)
  let sent = false
  try {
    const { stored, found } = await (source.path === undefined ? oneByOne : together)(ctx, { ...source, key, wanted })
    if (!found.report.valid) throw violation(found.report)
    sent = true
    return await register(ctx, { id, key, stored, found, name: input.name ?? source.name })
  } catch (error) {
    if (sent && mayStand(error)) throw error
    await ctx.objects.delete([key]).catch((cause: unknown) => ctx.log.warn({ err: cause, key }, 'left-over upload'))
    throw error
  }
}

interface Source {
  readonly stream: Readable
  readonly path?: string | undefined
  readonly sha256?: string | undefined
  readonly name: string
}

function sourceOf(input: CreateInput, upload: Upload | undefined): Source {
  const { rows } = input
  if (upload && rows) {
    upload.stream.destroy()
    throw invalid('request', [{ field: 'rows', message: 'cannot be given together with a file' }])
  }
  if (upload) return { ...upload, name: nameOf(upload.filename) }
  if (!rows) throw invalid('request', [{ field: 'file', message: 'is required: give a file, or `rows`' }])
  if (input.name === undefined) throw invalid('request', [{ field: 'name', message: 'is required with `rows`' }])
  refuseInfinite(rows)
  return { stream: Readable.from(jsonLines(rows)), name: input.name }
}

/** 1e400 is a number in JSON and more than a double holds: written down again it would be null, a missing cell. */
function refuseInfinite(rows: readonly Readonly<Record<string, unknown>>[]): void {
  for (const [i, row] of rows.entries()) {
    for (const column in row) {
      const cell = row[column]
      if (cell !== Number.POSITIVE_INFINITY && cell !== Number.NEGATIVE_INFINITY) continue
      throw invalid('request', [{ field: `rows.${i}.${column}`, message: 'must be finite', value: String(cell) }])
    }
  }
}

function nameOf(filename: string): string {
  return basename(filename).slice(0, 256) || 'upload'
}

function limited(stream: Readable, maxBytes: number): Readable {
  let size = 0
  const limit = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      size += chunk.length
      if (size <= maxBytes) done(null, chunk)
      else done(fail('too_large', 'DATASET_TOO_LARGE', `The file is larger than ${Math.floor(maxBytes / 1e6)} MB`))
    },
  })
  stream.once('error', (error) => limit.destroy(error))
  limit.once('close', () => stream.destroy())
  return stream.pipe(limit)
}

interface Arriving extends Source {
  readonly key: string
  readonly wanted: { readonly target?: string; readonly contract?: DataContract }
}

interface Arrived {
  readonly stored: StoredObject
  readonly found: Inspection
}

/** Inspects what was stored. */
async function oneByOne(ctx: Ctx, { key, stream, sha256, wanted }: Arriving): Promise<Arrived> {
  const { signal } = ctx
  const stored = await ctx.objects.put(key, limited(stream, ctx.settings.maxUploadBytes), { signal, sha256 })
  const found = await ctx.objects.localFile(key, (path) => ctx.tables.inspect(path, { ...wanted, signal }))
  return { stored, found }
}

/** Inspects while it is being stored. The first failure ends the other, and is told once both have ended. */
async function together(ctx: Ctx, { key, stream, path, sha256, wanted }: Arriving): Promise<Arrived> {
  const stop = new AbortController()
  const signal = AbortSignal.any([ctx.signal, stop.signal])
  const failures: unknown[] = []
  const noted = (cause: unknown): undefined => {
    failures.push(cause)
    stop.abort()
  }
  const [stored, found] = await Promise.all([
    ctx.objects.put(key, limited(stream, ctx.settings.maxUploadBytes), { signal, sha256 }).catch(noted),
    ctx.tables.inspect(path!, { ...wanted, signal }).catch(noted),
  ])
  if (stored === undefined || found === undefined) throw failures[0]
  return { stored, found }
}

/** @returns the refusal of a file that breaks its contract: the first findings, and how often each rule is broken. */
function violation(report: ValidationReport) {
  const total = report.counts.reduce((sum, { count }) => sum + count, 0)
  const first = report.findings[0]
  const place = first ? ` First: ${sentence(first)}.` : ''
  return fail('invalid', 'CONTRACT_VIOLATION', `The file breaks its data contract in ${total} place(s).${place}`, {
    details: { findings: report.findings, counts: report.counts },
  })
}

function sentence({ row, column, rule, value }: ValidationReport['findings'][number]): string {
  if (rule === 'target') return `the target "${column}" is not a column of the file`
  const cell = value === null ? '' : `, value ${JSON.stringify(value)}`
  return `${row === null ? '' : `row ${row}, `}column "${column}"${cell}, rule ${rule}`
}

interface NewDataset {
  readonly id: string
  readonly key: string
  readonly name: string
  readonly stored: { readonly size: number; readonly sha256: string }
  readonly found: Inspection
}

function register(ctx: Ctx, { id, key, name, stored, found }: NewDataset): Promise<Dataset> {
  return inLastTransaction(ctx, 'datasets.create', async (ctx) => {
    const row = await ctx.db
      .insertInto('datasets')
      .values({
        id,
        tenant_id: ctx.caller.tenantId,
        name,
        rows: found.rows,
        columns: json(found.columns),
        target: found.contract.target ?? null,
        contract: json(found.contract),
        format: found.reading.format,
        reading: json(found.reading),
        sha256: stored.sha256,
        size_bytes: stored.size,
        object_key: key,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    const data = { dataset_id: id, name, rows: row.rows, sha256: row.sha256 }
    await emit(ctx, { type: 'ml.dataset.created', subject: id, data })
    return datasetDocument(row)
  })
}
