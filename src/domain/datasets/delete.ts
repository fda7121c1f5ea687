import { sql } from 'kysely'
import type { Input, Output } from '../../contract/operations/index.ts'
import { fail, type MlError } from '../../core/failure.ts'
import { json, type Row } from '../../ports/db/index.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { getDatasetRow } from './store.ts'

export async function deleteDataset(ctx: Ctx, input: Input<'datasets.delete'>): Promise<Output<'datasets.delete'>> {
  const row = await inTransaction(ctx, async (ctx) => {
    const row = await getDatasetRow(ctx, input.dataset_id)
    if (input.force !== true) await refuseWhileNeeded(ctx, row)
    await ctx.db.deleteFrom('datasets').where('id', '=', row.id).execute()
    return row
  })
  await ctx.objects.delete([row.object_key])
  return { id: row.id }
}

async function refuseWhileNeeded(ctx: TxCtx, { id, object_key }: Row<'datasets'>): Promise<void> {
  const version = await ctx.db
    .selectFrom('model_versions')
    .select(['model_id', 'version'])
    .where((eb) => eb(eb.ref('lineage', '->>').key('dataset_id'), '=', id))
    .where('status', '!=', 'failed')
    .executeTakeFirst()
  if (version) throw inUse(`Version ${version.version} of ${version.model_id} was made from this dataset`)
  const job = await ctx.db
    .selectFrom('batch_jobs')
    .select('id')
    .where('status', 'in', ['queued', 'running'])
    .where(sql<boolean>`sources @> ${json([{ key: object_key }])}::jsonb`)
    .executeTakeFirst()
  if (job) throw inUse(`Batch job ${job.id} reads this dataset`)
}

function inUse(why: string): MlError {
  return fail('conflict', 'DATASET_IN_USE', `${why}; pass force=true to delete it anyway`)
}
