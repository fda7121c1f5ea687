// Many observations at once. A file is put on disk, read by the table reader a batch at a time and written in transactions of
// one batch each: a faulty row is reported and left out, and giving the same file again changes nothing.
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { DataContract } from '../../contract/datasets.ts'
import type { EntityType, FeatureValue, IngestReport } from '../../contract/features.ts'
import type { Upload } from '../../contract/operation.ts'
import type { Input } from '../../contract/operations/index.ts'
import { SOUND_TEXT } from '../../contract/schema.ts'
import { type FieldError, invalid } from '../../core/failure.ts'
import { own } from '../../core/own.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { openLines } from './lines.ts'
import { keepStates } from './online.ts'
import { momentOf, readCell, valueErrors } from './policy.ts'
import { getEntityType } from './types.ts'
import { type Observation, writeObservations } from './write.ts'

const ROWS_A_WRITE = 1000
const MAX_ERRORS = 100
const MAX_ID = 256
const SOUND = new RegExp(SOUND_TEXT, 'u')

/** Undefined for a line that is no JSON object. */
type Rows = AsyncIterable<readonly (Readonly<Record<string, unknown>> | undefined)[]>

interface Judged {
  readonly observation?: Observation
  readonly errors: readonly FieldError[]
}

const NO_OBJECT: Judged = { errors: [{ field: '', message: 'is not a JSON object' }] }

export async function ingestFeatures(
  ctx: Ctx,
  input: Input<'features.ingest'>,
  upload?: Upload,
): Promise<IngestReport> {
  if (upload && input.rows) {
    upload.stream.destroy()
    throw invalid('request', [{ field: 'rows', message: 'cannot be given together with a file' }])
  }
  if (!upload && !input.rows)
    throw invalid('request', [{ field: 'file', message: 'is required: give a file, or `rows`' }])
  try {
    const type = await inTransaction(ctx, (ctx) => getEntityType(ctx, input.entity_type))
    if (input.rows) return await ingest(ctx, type, { rows: inSlices(input.rows), read: (row) => row })
    return await ingestFile(ctx, type, upload!.stream)
  } finally {
    upload?.stream.destroy()
  }
}

async function* inSlices(rows: readonly Readonly<Record<string, unknown>>[]): Rows {
  for (let from = 0; from < rows.length; from += ROWS_A_WRITE) yield rows.slice(from, from + ROWS_A_WRITE)
}

async function ingestFile(ctx: Ctx, type: EntityType, stream: Readable): Promise<IngestReport> {
  const folder = await mkdtemp(join(ctx.settings.tempDir, 'ingest-'))
  try {
    const path = join(folder, 'data')
    await pipeline(stream, createWriteStream(path), { signal: ctx.signal })
    const lines = await openLines(path, ctx.signal)
    if (lines) return await ingest(ctx, type, { rows: lines, read: (row) => readValues(type, row) })
    const { reading, contract } = await ctx.tables.inspect(path, { signal: ctx.signal })
    const columns = contract.columns.map(({ name }) => name)
    refuseColumns(type, columns)
    const typed = reading.format === 'csv' ? asWritten(type, contract) : contract
    const rows = ctx.tables.batches({ path, reading }, typed, { size: ROWS_A_WRITE, signal: ctx.signal })
    return await ingest(ctx, type, { rows, read: (row) => readCells(type, row) })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Ids, texts and lists of text files as they are written: a column of them may look like numbers, dates or truth values throughout, and
 * "1.50" would become the entity "1.5".
 */
function asWritten({ features }: EntityType, contract: DataContract): DataContract {
  const written = new Set(['entity_id'])
  for (const { name, dtype } of features) if (AS_WRITTEN.has(dtype)) written.add(name)
  const columns = contract.columns.map((column) =>
    written.has(column.name)
      ? { name: column.name, dtype: 'string' as const, required: false, nullable: true }
      : column,
  )
  return { ...contract, columns }
}

const AS_WRITTEN: ReadonlySet<string> = new Set(['string', 'strings', 'numbers'])

/** A wrong column is wrong in every row, so it is said once and nothing is written. */
function refuseColumns(type: EntityType, columns: readonly string[]): void {
  const known = new Set(['entity_id', 'observed_at', ...type.features.map(({ name }) => name)])
  const errors: FieldError[] = columns
    .filter((column) => !known.has(column))
    .map((column) => ({ field: column, message: `is not a feature of "${type.entity_type}"; declare it first` }))
  if (!columns.includes('entity_id'))
    errors.push({ field: 'entity_id', message: 'is missing: there is no such column' })
  if (errors.length > 0) throw invalid('file', errors)
}

/** An object of a JSON lines file, whose lists are lists: as a row of cells, but what is not declared is kept, to be reported. */
function readValues(type: EntityType, row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { entity_id, observed_at, ...others } = row
  const undeclared = new Set(Object.keys(others))
  for (const { name } of type.features) undeclared.delete(name)
  const id = typeof entity_id === 'number' ? String(entity_id) : entity_id
  const kept = [...undeclared].map((name) => [name, others[name]] as const)
  return { ...readCells(type, row), ...Object.fromEntries(kept), entity_id: id, observed_at }
}

/** Missing cells say nothing of a feature; they do not unset it. */
function readCells(type: EntityType, row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { entity_id, observed_at } = row
  const cells: Record<string, unknown> = { entity_id: entity_id === null ? null : String(entity_id), observed_at }
  for (const feature of type.features) {
    const cell = own(row, feature.name)
    const value = cell === undefined || cell === null ? null : readCell(feature, cell)
    if (value !== null) cells[feature.name] = value
  }
  return cells
}

interface Source {
  readonly rows: Rows
  readonly read: (row: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>
}

async function ingest(ctx: Ctx, type: EntityType, { rows, read }: Source): Promise<IngestReport> {
  const report = { accepted: 0, rejected: 0, errors: [] as IngestReport['errors'] }
  const nowMs = ctx.clock.now().getTime()
  let row = 0
  for await (const batch of rows) {
    const observations: Observation[] = []
    for (const given of batch) {
      row++
      const { observation, errors } = given ? observationOf(type, read(given), nowMs) : NO_OBJECT
      if (observation) observations.push(observation)
      else report.rejected++
      report.errors.push(...errors.slice(0, MAX_ERRORS - report.errors.length).map((error) => ({ row, ...error })))
    }
    if (observations.length > 0) {
      const states = await inTransaction(ctx, (ctx) => writeObservations(ctx, type.entity_type, observations))
      await keepStates(ctx, type.entity_type, states)
    }
    report.accepted += observations.length
  }
  return report
}

function observationOf(
  type: EntityType,
  { entity_id, observed_at, ...values }: Readonly<Record<string, unknown>>,
  nowMs: number,
): Judged {
  const errors = valueErrors(type, values)
  errors.push(...idErrors(entity_id).map((message) => ({ field: 'entity_id', message, value: entity_id })))
  const atMs = momentOf(observed_at, 'observed_at', nowMs)
  if (typeof atMs !== 'number') return { errors: [...errors, atMs] }
  if (errors.length > 0) return { errors }
  return {
    observation: { entityId: entity_id as string, atMs, values: values as Record<string, FeatureValue> },
    errors,
  }
}

function idErrors(id: unknown): string[] {
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID) return [`must be a text of 1 to ${MAX_ID} characters`]
  return SOUND.test(id) ? [] : ['must not hold the character U+0000 or half of a surrogate pair']
}
