import type { Model } from '../../contract/models.ts'
import type { Input, Output } from '../../contract/operations/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { DEFAULT_LIMIT, decodeCursor, pageOf } from '../paging.ts'
import { getModelRow, modelDocument, modelDocuments } from './store.ts'

export function listModels(ctx: Ctx, input: Input<'models.list'>): Promise<Output<'models.list'>> {
  const limit = input.limit ?? DEFAULT_LIMIT
  const after = decodeCursor(input.cursor, 1)
  return inTransaction(ctx, async (ctx) => {
    // Ids sort by time of making, so the id alone is the key of the page.
    let find = ctx.db.selectFrom('models').selectAll()
    if (after) find = find.where('id', '<', after[0]!)
    if (input.type) find = find.where('type', '=', input.type)
    const rows = await find
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute()
    const page = pageOf(rows, limit, { item: (row) => row, position: (row) => [row.id] })
    return { items: await modelDocuments(ctx, page.items), next_cursor: page.next_cursor }
  })
}

export function getModel(ctx: Ctx, input: Input<'models.get'>): Promise<Model> {
  return inTransaction(ctx, async (ctx) => modelDocument(ctx, await getModelRow(ctx, input.model_id)))
}
