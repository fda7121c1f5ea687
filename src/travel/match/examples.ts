// How many pairs the live version was trained on, remembered in this process: a version never
// changes what it learned from.
import { asFailure } from '../../core/failure.ts'
import type { Ctx } from '../../domain/ctx.ts'
import { getEvaluation } from '../../domain/models/index.ts'

/** Of all tenants; then all are read anew. */
const MOST_REMEMBERED = 10_000
const remembered = new Map<string, number>()
/** For a version that was imported, which does not say. */
const UNSAID = 100

export async function examplesOf(
  ctx: Ctx,
  { modelId, version }: { readonly modelId: string; readonly version: string },
): Promise<number> {
  const key = JSON.stringify([ctx.caller.tenantId, modelId, version])
  const known = remembered.get(key)
  if (known !== undefined) return known
  const examples = await getEvaluation(ctx, { model_id: modelId, version }).then(
    ({ split }) => split.train_rows,
    (error: unknown) => {
      if (asFailure(error).kind === 'not_found') return UNSAID
      throw error
    },
  )
  if (remembered.size >= MOST_REMEMBERED) remembered.clear()
  remembered.set(key, examples)
  return examples
}
