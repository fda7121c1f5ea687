// Looking at batch jobs, stopping them, deleting them.
import type { BatchJob } from '../../contract/batch.ts'
import type { Input, Output } from '../../contract/operations/index.ts'
import { fail } from '../../core/failure.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { getModelRow } from '../models/index.ts'
import { pageBySeq } from '../paging.ts'
import type { ServingCtx } from '../serving/index.ts'
import { endJob, putInputAway } from './end.ts'
import { batchDocument, getBatchRow, hasEnded, lockBatchRow, rowErrors } from './store.ts'
import { removeFolder } from './submit.ts'

export function listBatchJobs(ctx: ServingCtx, input: Input<'batch_jobs.list'>): Promise<Output<'batch_jobs.list'>> {
  const { serving } = ctx
  return inTransaction(ctx, async (ctx) => {
    let find = ctx.db.selectFrom('batch_jobs').selectAll()
    if (input.status) find = find.where('status', '=', input.status)
    if (input.model_id) find = find.where('model_id', '=', await modelIdOf({ ...ctx, serving }, input.model_id))
    const now = ctx.clock.now()
    return await pageBySeq(find, input, (row) => batchDocument(row, now))
  })
}

/** Models written in code have no row. */
async function modelIdOf(ctx: TxCtx & Pick<ServingCtx, 'serving'>, reference: string): Promise<string> {
  return ctx.serving.custom.find(reference)?.name ?? (await getModelRow(ctx, reference)).id
}

export function getBatchJob(ctx: Ctx, input: Input<'batch_jobs.get'>): Promise<BatchJob> {
  return inTransaction(ctx, async (ctx) => {
    const row = await getBatchRow(ctx, input.job_id)
    const errors = row.failed_count > 0 ? await rowErrors(ctx, row.id) : []
    return { ...batchDocument(row, ctx.clock.now()), ...(errors.length > 0 && { row_errors: errors }) }
  })
}

export async function cancelBatchJob(ctx: Ctx, input: Input<'batch_jobs.cancel'>): Promise<BatchJob> {
  const row = await inTransaction(ctx, async (ctx) => {
    const job = await lockBatchRow(ctx, input.job_id)
    const ended = await endJob(ctx, job, { status: 'cancelled' })
    if (!ended) throw fail('conflict', 'JOB_ENDED', `Batch job ${job.id} has already ${ENDED[job.status]}`)
    return ended
  })
  await putInputAway(ctx, row)
  return batchDocument(row, ctx.clock.now())
}

const ENDED: Readonly<Record<string, string>> = {
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'been cancelled',
}

export async function deleteBatchJob(ctx: Ctx, input: Input<'batch_jobs.delete'>): Promise<{ id: string }> {
  const row = await inTransaction(ctx, async (ctx) => {
    const row = await lockBatchRow(ctx, input.job_id)
    if (!hasEnded(row.status))
      throw fail('conflict', 'BATCH_JOB_RUNNING', `Batch job ${row.id} is ${row.status}: cancel it first`)
    await ctx.db.deleteFrom('batch_jobs').where('id', '=', row.id).execute()
    return row
  })
  await removeFolder(ctx, row.folder)
  return { id: row.id }
}
