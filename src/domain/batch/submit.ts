// Accepting a batch job: its files first, then job and chunks in one transaction, so that an accepted job is always done and a
// refused one leaves nothing behind. The version is fixed here.
import { sql } from 'kysely'
import type { BatchAccepted, BatchRequest } from '../../contract/batch.ts'
import type { Signature } from '../../contract/models.ts'
import type { Upload } from '../../contract/operation.ts'
import { fail } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { asSystem, json, wake } from '../../ports/db/index.ts'
import { inLastTransaction, inTransaction, mayStand, type TxCtx } from '../ctx.ts'
import { getModelRow } from '../models/index.ts'
import { findVersion, type ServingCtx } from '../serving/index.ts'
import { jobFolder, MAX_OPEN_JOBS } from './policy.ts'
import { makeSources, type SourcePiece, type Sources } from './sources.ts'
import { type BatchDetails, type BatchRow, getBatchRow } from './store.ts'

const CHUNKS_AN_INSERT = 1000

export async function submitBatch(ctx: ServingCtx, request: BatchRequest, upload?: Upload): Promise<BatchAccepted> {
  const uid = newId('batch')
  const id = request.job_id ?? uid
  const folder = jobFolder(ctx.caller.tenantId, uid)
  let sent = false
  try {
    const model = await findModel(ctx, request)
    const sources = await makeSources(ctx, { ...model, request, upload, folder })
    const job = { id, folder, model, sources, format: request.output_format ?? ('jsonl' as const) }
    let known = false
    sent = true
    const accepted = await inLastTransaction(ctx, 'batch_jobs.create', async (ctx) => {
      const row = await insertJob(ctx, job)
      known = row.folder !== folder
      return { id: row.id, status: row.status, input_count: row.input_count }
    })
    if (known) await removeFolder(ctx, folder)
    return accepted
  } catch (error) {
    upload?.stream.destroy()
    // The next submission of this id may find the job: with its input.
    if (sent && mayStand(error)) throw error
    await removeFolder(ctx, folder).catch((cause: unknown) => ctx.log.warn({ err: cause, folder }, 'left-over input'))
    throw error
  }
}

interface FoundModel {
  readonly modelId: string
  readonly version: string
  readonly signature: Signature | undefined
  readonly target: string | undefined
}

async function findModel(ctx: ServingCtx, { model_id: model, version }: BatchRequest): Promise<FoundModel> {
  const custom = ctx.serving.custom.find(model)
  if (custom) return { modelId: custom.name, version: custom.version, signature: undefined, target: undefined }
  const { record } = await findVersion(ctx, { model, version })
  const { target } = await inTransaction(ctx, (ctx) => getModelRow(ctx, record.modelId))
  return {
    modelId: record.modelId,
    version: record.version,
    signature: record.signature,
    target: target ?? undefined,
  }
}

interface NewJob {
  readonly id: string
  readonly folder: string
  readonly model: FoundModel
  readonly sources: Sources
  readonly format: BatchRow['output_format']
}

/** The job, or the one that was submitted under this id before. */
async function insertJob(ctx: TxCtx, { id, folder, model, sources, format }: NewJob): Promise<BatchRow> {
  const tenant_id = ctx.caller.tenantId
  const { pieces, digest } = sources
  const output = model.signature?.outputs[0]
  const details: BatchDetails = {
    requestId: ctx.caller.requestId,
    actor: ctx.caller.actor,
    trace: ctx.span.context,
    classes: output?.categories ?? [],
    predictionDtype: output?.dtype ?? 'unknown',
  }
  const row = await ctx.db
    .insertInto('batch_jobs')
    .values({
      id,
      tenant_id,
      folder,
      model_id: model.modelId,
      version: model.version,
      digest,
      sources: json(sources.sources),
      request: json(details),
      output_format: format,
      status: 'queued',
      input_count: pieces.reduce((sum, { rows }) => sum + rows, 0),
      chunk_count: pieces.length,
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'id']).doNothing())
    .returningAll()
    .executeTakeFirst()
  if (!row) return sameJob(await getBatchRow(ctx, id), digest)
  await refuseOverQuota(ctx)
  await insertChunks(ctx, id, pieces)
  await asSystem(ctx.db, (tx) => sql`insert into batch_turns values (${tenant_id}) on conflict do nothing`.execute(tx))
  wake(ctx.db, 'jobs')
  return row
}

function sameJob(row: BatchRow, digest: string): BatchRow {
  if (row.digest === digest) return row
  throw fail('conflict', 'BATCH_JOB_EXISTS', `There is a batch job "${row.id}" already, and it asks for something else`)
}

async function refuseOverQuota(ctx: TxCtx): Promise<void> {
  const { open } = await ctx.db
    .selectFrom('batch_jobs')
    .select((eb) => eb.fn.countAll<number>().as('open'))
    .where('status', 'in', ['queued', 'running'])
    .executeTakeFirstOrThrow()
  if (Number(open) <= MAX_OPEN_JOBS) return
  throw fail('limited', 'BATCH_QUOTA', `${MAX_OPEN_JOBS} batch jobs are open already; wait for some of them to end`, {
    retryAfterSeconds: 30,
  })
}

async function insertChunks(ctx: TxCtx, job_id: string, pieces: readonly SourcePiece[]): Promise<void> {
  let firstRow = 0
  const chunks = pieces.map(({ source, start, end, rows }, index) => {
    const first_row = firstRow
    firstRow += rows
    const place = { source, start_byte: start, end_byte: end, first_row, rows }
    return { tenant_id: ctx.caller.tenantId, job_id, index, ...place }
  })
  for (let from = 0; from < chunks.length; from += CHUNKS_AN_INSERT) {
    await ctx.db
      .insertInto('batch_chunks')
      .values(chunks.slice(from, from + CHUNKS_AN_INSERT))
      .execute()
  }
}

export async function removeFolder({ objects }: Pick<ServingCtx, 'objects'>, folder: string): Promise<void> {
  const keys: string[] = []
  for await (const { key } of objects.list(`${folder}/`)) keys.push(key)
  if (keys.length > 0) await objects.delete(keys)
}
