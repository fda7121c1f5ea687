import type { Input, Output } from '../../contract/operations/index.ts'
import type { TrainingJob } from '../../contract/training.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { getModelRow } from '../models/index.ts'
import { DEFAULT_LIMIT, decodeCursor, pageOf } from '../paging.ts'
import { getJobRow, jobDocument } from './store.ts'

export function listJobs(ctx: Ctx, input: Input<'training_jobs.list'>): Promise<Output<'training_jobs.list'>> {
  const limit = input.limit ?? DEFAULT_LIMIT
  const after = decodeCursor(input.cursor, 1)
  return inTransaction(ctx, async (ctx) => {
    let find = ctx.db.selectFrom('training_jobs').selectAll()
    if (after) find = find.where('id', '<', after[0]!)
    if (input.status) find = find.where('status', '=', input.status)
    if (input.model_id) find = find.where('model_id', '=', (await getModelRow(ctx, input.model_id)).id)
    const rows = await find
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute()
    return pageOf(rows, limit, { item: jobDocument, position: (row) => [row.id] })
  })
}

export function getJob(ctx: Ctx, input: Input<'training_jobs.get'>): Promise<TrainingJob> {
  return inTransaction(ctx, async (ctx) => jobDocument(await getJobRow(ctx, input.job_id)))
}
