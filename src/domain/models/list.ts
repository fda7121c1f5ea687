import type { Model } from '../../contract/models.ts'
import type { Input, Output } from '../../contract/operations/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { pageById } from '../paging.ts'
import { getModelRow, modelDocument, modelDocuments } from './store.ts'

export function listModels(ctx: Ctx, input: Input<'models.list'>): Promise<Output<'models.list'>> {
  return inTransaction(ctx, async (ctx) => {
    let find = ctx.db.selectFrom('models').selectAll()
    if (input.type) find = find.where('type', '=', input.type)
    const page = await pageById(find, input, (row) => row)
    return { items: await modelDocuments(ctx, page.items), next_cursor: page.next_cursor }
  })
}

export function getModel(ctx: Ctx, input: Input<'models.get'>): Promise<Model> {
  return inTransaction(ctx, async (ctx) => modelDocument(ctx, await getModelRow(ctx, input.model_id)))
}
