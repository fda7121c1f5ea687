import type { Model } from '../../contract/models.ts'
import type { Input } from '../../contract/operations/index.ts'
import { json } from '../../ports/db/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { nameTaken } from './create.ts'
import { bumpRevision } from './live.ts'
import { checkServingSettings } from './serving-settings.ts'
import { getModelWithState, lockModelRow, modelDocument } from './store.ts'

/** A field left out stays; null clears the description. Nothing at all changes nothing, not even the time of the last change. */
export async function updateModel(ctx: Ctx, input: Input<'models.update'>): Promise<Model> {
  const { name, description, metadata } = input
  checkServingSettings(metadata)
  try {
    return await inTransaction(ctx, async (ctx) => {
      const model = await lockModelRow(ctx, input.model_id)
      const changes = {
        ...(name !== undefined && { name }),
        ...(description !== undefined && { description }),
        ...(metadata !== undefined && { metadata: json(metadata) }),
      }
      if (Object.keys(changes).length === 0) return modelDocument(await getModelWithState(ctx, model.id))
      const row = await ctx.db
        .updateTable('models')
        .set({ ...changes, updated_at: ctx.clock.now() })
        .where('id', '=', model.id)
        .returning('name')
        .executeTakeFirstOrThrow()
      // Callers may predict by name, and metadata may say how to serve: replicas must learn of both.
      if (row.name !== model.name || metadata !== undefined) await bumpRevision(ctx)
      return modelDocument(await getModelWithState(ctx, model.id))
    })
  } catch (error) {
    throw nameTaken(error, name ?? input.model_id)
  }
}
