// Deleting a model: the rows go in one transaction, the files after it. A crash between the two leaves files that nothing
// refers to, never a version without its file.
import type { Input, Output } from '../../contract/operations/index.ts'
import { fail } from '../../core/failure.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { bumpRevision } from './live.ts'
import { modelFolder } from './policy.ts'
import { lockModelRow } from './store.ts'

export async function deleteModel(ctx: Ctx, input: Input<'models.delete'>): Promise<Output<'models.delete'>> {
  const model = await inTransaction(ctx, async (ctx) => {
    const model = await lockModelRow(ctx, input.model_id)
    const live = await ctx.db.selectFrom('live_versions').selectAll().where('model_id', '=', model.id).execute()
    const training = await ctx.db
      .selectFrom('training_jobs')
      .select('id')
      .where('model_id', '=', model.id)
      .where('status', 'in', ['queued', 'running'])
      .executeTakeFirst()
    if (training) {
      throw fail('conflict', 'MODEL_TRAINING', `Job ${training.id} is training "${model.name}"; cancel it first`)
    }
    if (live.length > 0 && input.force !== true) {
      const where = live.map((row) => `${row.version} in "${row.environment}"`).join(', ')
      throw fail(
        'conflict',
        'MODEL_DEPLOYED',
        `"${model.name}" is live (${where}); pass force=true to delete it anyway`,
      )
    }
    await ctx.db.deleteFrom('models').where('id', '=', model.id).execute()
    await bumpRevision(ctx)
    return model
  })
  const files: string[] = []
  for await (const { key } of ctx.objects.list(`${modelFolder(model.tenant_id, model.id)}/`)) files.push(key)
  await ctx.objects.delete(files)
  return { id: model.id }
}
