// Making a version live, or letting it take a share of the traffic beside the version that is.
import { DEFAULT_ENVIRONMENT, type Deployment } from '../../contract/models.ts'
import type { Input } from '../../contract/operations/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { makeLive } from './live.ts'
import { rollOut } from './roll-out.ts'
import { lockModelRow } from './store.ts'
import { refuseShare } from './strategy.ts'

export async function deploy(ctx: Ctx, input: Input<'models.deploy'>): Promise<Deployment> {
  const { version, strategy, environment = DEFAULT_ENVIRONMENT, reason = 'asked for' } = input
  if (strategy?.type === 'all') refuseShare(strategy)
  return inTransaction(ctx, async (ctx) => {
    const model = await lockModelRow(ctx, input.model_id)
    if (!strategy || strategy.type === 'all') {
      return makeLive(ctx, model, { version, environment, action: 'deploy', reason })
    }
    return rollOut(ctx, model, { version, environment, strategy: { ...strategy, type: strategy.type }, reason })
  })
}
