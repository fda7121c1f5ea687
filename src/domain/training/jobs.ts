import type { Input, Output } from '../../contract/operations/index.ts'
import type { TrainingJob } from '../../contract/training.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { getModelRow } from '../models/index.ts'
import { pageById } from '../paging.ts'
import { getJobRow, jobDocument } from './store.ts'

export function listJobs(ctx: Ctx, input: Input<'training_jobs.list'>): Promise<Output<'training_jobs.list'>> {
  return inTransaction(ctx, async (ctx) => {
    let find = ctx.db.selectFrom('training_jobs').selectAll()
    if (input.status) find = find.where('status', '=', input.status)
    if (input.model_id) find = find.where('model_id', '=', (await getModelRow(ctx, input.model_id)).id)
    return await pageById(find, input, jobDocument)
  })
}

export function getJob(ctx: Ctx, input: Input<'training_jobs.get'>): Promise<TrainingJob> {
  return inTransaction(ctx, async (ctx) => jobDocument(await getJobRow(ctx, input.job_id)))
}
