// Back to the version that was live before. Repeated rollbacks walk further back instead of swinging between two versions.
// A roll-out that is running is ended first: that is what went wrong last.
import { DEFAULT_ENVIRONMENT, type Deployment } from '../../contract/models.ts'
import type { Input } from '../../contract/operations/index.ts'
import type { Strategy } from '../../contract/strategy.ts'
import { fail } from '../../core/failure.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { liveVersion, makeLive } from './live.ts'
import { endRollout } from './roll-out.ts'
import { runningRollout } from './rollout-rows.ts'
import { lockModelRow } from './store.ts'

export function rollback(ctx: Ctx, input: Input<'models.rollback'>): Promise<Deployment> {
  const environment = input.environment ?? DEFAULT_ENVIRONMENT
  return inTransaction(ctx, async (ctx) => {
    const model = await lockModelRow(ctx, input.model_id)
    const rollout = await runningRollout(ctx, model.id, environment)
    if (rollout) return endRollout(ctx, model, { rollout, reason: input.reason ?? 'asked for' })
    const current = await liveVersion(ctx, model.id, environment)
    if (current === null) throw fail('conflict', 'NOT_DEPLOYED', `Nothing is live in "${environment}"`)
    const version = await predecessor(ctx, { modelId: model.id, environment })
    if (version === null) {
      throw fail('conflict', 'NO_EARLIER_VERSION', `Version ${current} was the first in "${environment}"`)
    }
    const reason = input.reason ?? `back from ${current}`
    return makeLive(ctx, model, { version, environment, action: 'rollback', reason })
  })
}

interface Place {
  readonly modelId: string
  readonly environment: string
}

async function predecessor(ctx: TxCtx, { modelId, environment }: Place): Promise<string | null> {
  const history = await ctx.db
    .selectFrom('deployments')
    .select(['version', 'action', 'strategy'])
    .where('model_id', '=', modelId)
    .where('environment', '=', environment)
    .orderBy('seq')
    .execute()
  return versionBefore(history)
}

interface Entry {
  readonly version: string
  readonly action: Deployment['action']
  readonly strategy: Pick<Strategy, 'type'>
}

/**
 * Every deployment to all lays a version on the pile, every rollback of one takes one off; the answer is the second from the
 * top. Roll-outs that were begun, changed or ended moved nothing.
 */
export function versionBefore(history: readonly Entry[]): string | null {
  const pile: string[] = []
  for (const { version, action, strategy } of history) {
    if (strategy.type !== 'all') continue
    if (action === 'rollback') pile.pop()
    else pile.push(version)
  }
  return pile.at(-2) ?? null
}
