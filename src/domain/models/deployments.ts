import type { Input, Output } from '../../contract/operations/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { DEFAULT_LIMIT, decodeCursor, pageOf } from '../paging.ts'
import { deploymentDocument } from './live.ts'
import { getModelRow } from './store.ts'

export function listDeployments(ctx: Ctx, input: Input<'models.deployments'>): Promise<Output<'models.deployments'>> {
  const limit = input.limit ?? DEFAULT_LIMIT
  const after = decodeCursor(input.cursor, 1, /^\d{1,15}$/)
  return inTransaction(ctx, async (ctx) => {
    const model = await getModelRow(ctx, input.model_id)
    let find = ctx.db.selectFrom('deployments').selectAll().where('model_id', '=', model.id)
    if (after) find = find.where('seq', '<', Number(after[0]))
    const rows = await find
      .orderBy('seq', 'desc')
      .limit(limit + 1)
      .execute()
    return pageOf(rows, limit, { item: deploymentDocument, position: (row) => [String(row.seq)] })
  })
}
