// What matters to a version as a whole, from the file its training (or import) left beside the model.
import type { VersionExplanation } from '../../contract/explanations.ts'
import type { Input } from '../../contract/operations/index.ts'
import { asFailure } from '../../core/failure.ts'
import { NO_REPORT, type StoredExplanation } from '../../ml/explain/stored.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { explanationKey } from './policy.ts'
import { getModelRow, getVersionRow, requireTrained } from './store.ts'

export async function getExplanation(ctx: Ctx, input: Input<'versions.explanation'>): Promise<VersionExplanation> {
  const row = await inTransaction(ctx, async (ctx) => {
    const model = await getModelRow(ctx, input.model_id)
    return requireTrained(await getVersionRow(ctx, model.id, input.version))
  })
  const stored = await readExplanation(ctx, explanationKey(row.tenant_id, row.model_id, row.version))
  const { report, background } = stored ?? { report: NO_REPORT, background: null }
  return {
    model_id: row.model_id,
    version: row.version,
    ...report,
    background: {
      origin: background?.origin ?? 'synthesised',
      rows: background?.rows.length ?? 0,
      ...(background?.dataset_id !== undefined && { dataset_id: background.dataset_id }),
    },
  }
}

async function readExplanation(ctx: Ctx, key: string): Promise<StoredExplanation | null> {
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of await ctx.objects.get(key)) chunks.push(chunk as Uint8Array)
  } catch (error) {
    if (asFailure(error).kind === 'not_found') return null
    throw error
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as StoredExplanation
}
