// The rows of the roll-outs: at most one is running for a model in an environment, which the database enforces.
import type { RolloutState } from '../../contract/rollouts.ts'
import type { Row } from '../../ports/db/index.ts'
import type { TxCtx } from '../ctx.ts'

export function runningRollout(ctx: TxCtx, modelId: string, environment: string): Promise<Row<'rollouts'> | undefined> {
  return ctx.db
    .selectFrom('rollouts')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('environment', '=', environment)
    .where('state', '=', 'running')
    .executeTakeFirst()
}

/** The one that is running, else the one that ended last. */
export function latestRollout(ctx: TxCtx, modelId: string, environment: string): Promise<Row<'rollouts'> | undefined> {
  return ctx.db
    .selectFrom('rollouts')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('environment', '=', environment)
    .orderBy('started_at', 'desc')
    .orderBy('id', 'desc')
    .executeTakeFirst()
}

export interface Ending {
  readonly state: Exclude<RolloutState, 'running'>
  readonly outcome: string
}

export async function finishRollout(ctx: TxCtx, { id }: Row<'rollouts'>, ending: Ending): Promise<void> {
  await ctx.db
    .updateTable('rollouts')
    .set({ ...ending, ended_at: ctx.clock.now() })
    .where('id', '=', id)
    .execute()
}
