import type { Model } from '../../contract/models.ts'
import type { Input, Output } from '../../contract/operations/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { pageById } from '../paging.ts'
import { getModelWithState, modelDocument, WITH_STATE } from './store.ts'

export function listModels(ctx: Ctx, input: Input<'models.list'>): Promise<Output<'models.list'>> {
  return inTransaction(ctx, async (ctx) => {
    let find = ctx.db.selectFrom('models').selectAll().select(WITH_STATE)
    if (input.type) find = find.where('type', '=', input.type)
    return pageById(find, input, modelDocument)
  })
}

export function getModel(ctx: Ctx, input: Input<'models.get'>): Promise<Model> {
  return inTransaction(ctx, async (ctx) => modelDocument(await getModelWithState(ctx, input.model_id)))
}
