// A version beside the live one: begun, changed and ended. The live version stays what it is until a roll-out is promoted,
// so ending one badly changes no deployment. The model row is locked by the caller, which puts changes in an order.
import type { Deployment } from '../../contract/models.ts'
import type { RolloutType, Strategy } from '../../contract/strategy.ts'
import { fail } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { json, type Row } from '../../ports/db/index.ts'
import type { TxCtx } from '../ctx.ts'
import { emit } from '../events.ts'
import {
  alreadyLive,
  archiveUnlessServing,
  bumpRevision,
  deploymentDocument,
  liveVersion,
  recordDeployment,
  setStatus,
} from './live.ts'
import { finishRollout, runningRollout } from './rollout-rows.ts'
import { getVersionRow, requireTrained, type TrainedVersion } from './store.ts'
import { type CompleteStrategy, completeStrategy, refuseMisfit } from './strategy.ts'

export interface RolloutRequest {
  readonly version: string
  readonly environment: string
  readonly strategy: Strategy & { readonly type: RolloutType }
  readonly reason: string
}

/** Begins a roll-out, or changes the one that is running with the same version. */
export async function rollOut(ctx: TxCtx, model: Row<'models'>, request: RolloutRequest): Promise<Deployment> {
  const { version, environment, reason } = request
  const challenger = requireTrained(await getVersionRow(ctx, model.id, version))
  const live = await liveVersion(ctx, model.id, environment)
  if (live === null) {
    const hint = `Nothing is live in "${environment}" beside which ${version} could be rolled out; deploy it to all`
    throw fail('conflict', 'NOT_DEPLOYED', hint)
  }
  if (live === version) throw alreadyLive(version, environment)
  const champion = requireTrained(await getVersionRow(ctx, model.id, live))
  const running = await runningRollout(ctx, model.id, environment)
  if (running && running.challenger_version !== version) {
    throw fail(
      'conflict',
      'ROLLOUT_RUNNING',
      `${running.challenger_version} is being rolled out in "${environment}"; promote it or roll it back first`,
    )
  }
  const strategy = completeStrategy(request.strategy, running?.strategy)
  refuseMisfit(model, { champion, challenger, strategy })
  const id = running
    ? await changeRollout(ctx, running, { strategy, reason })
    : await beginRollout(ctx, model, { champion, challenger, environment, strategy, reason })
  if (strategy.type === 'canary') await setStatus(ctx, model.id, version, 'deployed')
  else if (running?.kind === 'canary') await archiveUnlessServing(ctx, model.id, version)
  const entry = { version, environment, action: 'deploy', reason, from: live, strategy } as const
  const row = await recordDeployment(ctx, model, entry)
  await bumpRevision(ctx)
  const place = { model_id: model.id, model_name: model.name, version, from_version: live, environment }
  await emit(ctx, {
    type: 'ml.model.deployed',
    subject: model.id,
    data: { ...place, reason, rollout_id: id, strategy },
  })
  return deploymentDocument(row)
}

interface Beginning {
  readonly champion: TrainedVersion
  readonly challenger: TrainedVersion
  readonly environment: string
  readonly strategy: CompleteStrategy
  readonly reason: string
}

async function beginRollout(ctx: TxCtx, model: Row<'models'>, beginning: Beginning): Promise<string> {
  const { champion, challenger, environment, strategy, reason } = beginning
  const id = newId('rollout')
  const now = ctx.clock.now()
  await ctx.db
    .insertInto('rollouts')
    .values({
      id,
      tenant_id: model.tenant_id,
      model_id: model.id,
      environment,
      champion_version: champion.version,
      challenger_version: challenger.version,
      kind: strategy.type,
      strategy: json(strategy),
      state: 'running',
      stage: 1,
      stage_at: now,
      actor: ctx.caller.actor,
      reason,
      started_at: now,
    })
    .execute()
  return id
}

interface StageChange {
  readonly strategy: CompleteStrategy
  readonly reason: string
}

/** A new stage: what was counted under another share says nothing about this one, and baking begins again. */
async function changeRollout(ctx: TxCtx, running: Row<'rollouts'>, { strategy, reason }: StageChange): Promise<string> {
  await ctx.db
    .updateTable('rollouts')
    .set({
      kind: strategy.type,
      strategy: json(strategy),
      stage: running.stage + 1,
      stage_at: ctx.clock.now(),
      baked_at: null,
      actor: ctx.caller.actor,
      reason,
    })
    .where('id', '=', running.id)
    .execute()
  return running.id
}

/** All traffic goes back to the version that stayed live. */
export async function endRollout(
  ctx: TxCtx,
  model: Row<'models'>,
  { rollout, reason, automatic }: { rollout: Row<'rollouts'>; reason: string; automatic?: true },
): Promise<Deployment> {
  const { champion_version: version, challenger_version: from, environment, kind } = rollout
  await finishRollout(ctx, rollout, { state: 'rolled_back', outcome: reason })
  const strategy: Strategy = { type: kind, percent: 0 }
  const entry = { version, environment, action: 'rollback', reason, from, strategy } as const
  const row = await recordDeployment(ctx, model, entry)
  if (kind === 'canary') await archiveUnlessServing(ctx, model.id, from)
  await bumpRevision(ctx)
  const data = { model_id: model.id, model_name: model.name, version, from_version: from, environment, reason }
  await emit(ctx, {
    type: 'ml.model.rolled_back',
    subject: model.id,
    data: { ...data, rollout_id: rollout.id, automatic: automatic ?? false },
  })
  return deploymentDocument(row)
}
