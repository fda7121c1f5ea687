// How many pairs the live version was trained on, remembered for a while: a version never changes what it learned from.
import { asFailure } from '../../core/failure.ts'
import type { Ctx } from '../../domain/ctx.ts'
import { getEvaluation } from '../../domain/models/index.ts'

const REMEMBERED_SECONDS = 3600
/** For a version that was imported, which does not say. */
const UNSAID = 100

export async function examplesOf(
  ctx: Ctx,
  { modelId, version }: { readonly modelId: string; readonly version: string },
): Promise<number> {
  const key = `travel-examples:${ctx.caller.tenantId}:${modelId}:${version}`
  const known = await ctx.cache.get(key)
  if (known) return Number(Buffer.from(known).toString('utf8'))
  const examples = await getEvaluation(ctx, { model_id: modelId, version }).then(
    ({ split }) => split.train_rows,
    (error: unknown) => {
      if (asFailure(error).kind === 'not_found') return UNSAID
      throw error
    },
  )
  await ctx.cache.set(key, Buffer.from(String(examples)), REMEMBERED_SECONDS)
  return examples
}
