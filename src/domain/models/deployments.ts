import type { Input, Output } from '../../contract/operations/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { pageBySeq } from '../paging.ts'
import { deploymentDocument } from './live.ts'
import { getModelRow } from './store.ts'

export function listDeployments(ctx: Ctx, input: Input<'models.deployments'>): Promise<Output<'models.deployments'>> {
  return inTransaction(ctx, async (ctx) => {
    const model = await getModelRow(ctx, input.model_id)
    const find = ctx.db.selectFrom('deployments').selectAll().where('model_id', '=', model.id)
    return await pageBySeq(find, input, deploymentDocument)
  })
}
