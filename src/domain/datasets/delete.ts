import type { Input, Output } from '../../contract/operations/index.ts'
import { fail } from '../../core/failure.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { getDatasetRow } from './store.ts'

export async function deleteDataset(ctx: Ctx, input: Input<'datasets.delete'>): Promise<Output<'datasets.delete'>> {
  const row = await inTransaction(ctx, async (ctx) => {
    const row = await getDatasetRow(ctx, input.dataset_id)
    if (input.force !== true) await refuseWhileNeeded(ctx, row.id)
    await ctx.db.deleteFrom('datasets').where('id', '=', row.id).execute()
    return row
  })
  await ctx.objects.delete([row.object_key])
  return { id: row.id }
}

async function refuseWhileNeeded(ctx: TxCtx, datasetId: string): Promise<void> {
  const version = await ctx.db
    .selectFrom('model_versions')
    .select(['model_id', 'version'])
    .where((eb) => eb(eb.ref('lineage', '->>').key('dataset_id'), '=', datasetId))
    .where('status', '!=', 'failed')
    .executeTakeFirst()
  if (!version) return
  throw fail(
    'conflict',
    'DATASET_IN_USE',
    `Version ${version.version} of ${version.model_id} was made from this dataset; pass force=true to delete it anyway`,
  )
}
