// The true outcome of a prediction. Telling it again corrects it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Input, Output } from '../../contract/operations/index.ts'
import { notFound } from '../../core/failure.ts'
import { json } from '../../ports/db/index.ts'
import { inTransaction } from '../ctx.ts'
import type { ServingCtx } from './serving.ts'

/** Longer than another replica takes to write its log. */
const OTHER_REPLICA_MS = 600

export async function giveFeedback(
  ctx: ServingCtx,
  input: Input<'predictions.feedback'>,
): Promise<Output<'predictions.feedback'>> {
  await ctx.serving.log.flush()
  const found = await record(ctx, input)
  if (found) return found
  // The prediction may have been answered a moment ago by another replica that has not written it down yet.
  await sleep(OTHER_REPLICA_MS, undefined, { signal: ctx.signal })
  const later = await record(ctx, input)
  if (later) return later
  throw notFound('prediction', input.prediction_id)
}

function record(
  ctx: ServingCtx,
  input: Input<'predictions.feedback'>,
): Promise<Output<'predictions.feedback'> | undefined> {
  return inTransaction(ctx, async (ctx) => {
    const prediction = await ctx.db
      .selectFrom('predictions')
      .innerJoin('models', 'models.id', 'predictions.model_id')
      .select(['predictions.output', 'models.type'])
      .where('predictions.id', '=', input.prediction_id)
      .executeTakeFirst()
    if (!prediction) return undefined
    const actual = json(input.actual)
    await ctx.db
      .insertInto('feedback')
      .values({ prediction_id: input.prediction_id, tenant_id: ctx.caller.tenantId, actual })
      .onConflict((conflict) => conflict.column('prediction_id').doUpdateSet({ actual }))
      .execute()
    const { prediction: answered } = prediction.output as { prediction: unknown }
    const correct = prediction.type === 'classification' ? String(answered) === String(input.actual) : null
    return { prediction_id: input.prediction_id, correct }
  })
}
