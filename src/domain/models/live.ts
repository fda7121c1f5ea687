// What is live: the history is append-only, `live_versions` is its current end, and the revision that replicas watch moves in
// the same transaction, so a replica that sees the revision also sees the change.
import type { Deployment } from '../../contract/models.ts'
import type { Strategy } from '../../contract/strategy.ts'
import { fail } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { bumpServingRevision, json, type Row, wake } from '../../ports/db/index.ts'
import type { TxCtx } from '../ctx.ts'
import { emit } from '../events.ts'
import { finishRollout, runningRollout } from './rollout-rows.ts'
import { getVersionRow, requireTrained } from './store.ts'

const TO_ALL: Strategy = { type: 'all' }

export interface Change {
  readonly version: string
  readonly environment: string
  readonly action: Deployment['action']
  readonly reason: string
}

const EVENT_OF = {
  promote: 'ml.model.promoted',
  deploy: 'ml.model.deployed',
  rollback: 'ml.model.rolled_back',
} as const

/** Ends a roll-out that is running there: well if this is its version, else as superseded. The model row must be locked. */
export async function makeLive(ctx: TxCtx, model: Row<'models'>, change: Change): Promise<Deployment> {
  const { version, environment, action, reason } = change
  requireTrained(await getVersionRow(ctx, model.id, version))
  const from = await liveVersion(ctx, model.id, environment)
  if (from === version) throw alreadyLive(version, environment)
  const row = await recordDeployment(ctx, model, { ...change, from, strategy: TO_ALL })
  const now = ctx.clock.now()
  const live = { version, strategy: json(TO_ALL), previous_version: from, updated_at: now }
  await ctx.db
    .insertInto('live_versions')
    .values({ tenant_id: model.tenant_id, model_id: model.id, environment, ...live })
    .onConflict((conflict) => conflict.columns(['model_id', 'environment']).doUpdateSet(live))
    .execute()
  await setStatus(ctx, model.id, version, 'deployed')
  const rollout = await runningRollout(ctx, model.id, environment)
  if (rollout) {
    const promoted = rollout.challenger_version === version
    const outcome = promoted ? reason : `${version} went live instead: ${reason}`
    await finishRollout(ctx, rollout, { state: promoted ? 'promoted' : 'superseded', outcome })
    if (!promoted && rollout.kind === 'canary') await archiveUnlessServing(ctx, model.id, rollout.challenger_version)
  }
  if (from !== null) await archiveUnlessServing(ctx, model.id, from)
  await bumpRevision(ctx)
  const data = { model_id: model.id, model_name: model.name, version, from_version: from, environment, reason }
  await emit(ctx, { type: EVENT_OF[action], subject: model.id, data })
  // A promotion is a deployment too: who only follows deployments must not miss it.
  if (action === 'promote') await emit(ctx, { type: 'ml.model.deployed', subject: model.id, data })
  return deploymentDocument(row)
}

export function alreadyLive(version: string, environment: string): Error {
  return fail('conflict', 'ALREADY_DEPLOYED', `Version ${version} is already live in "${environment}"`)
}

export interface HistoryEntry extends Change {
  readonly from: string | null
  readonly strategy: Strategy
}

export function recordDeployment(ctx: TxCtx, model: Row<'models'>, entry: HistoryEntry): Promise<Row<'deployments'>> {
  const { version, environment, action, reason, from, strategy } = entry
  return ctx.db
    .insertInto('deployments')
    .values({
      id: newId('dep'),
      tenant_id: model.tenant_id,
      model_id: model.id,
      environment,
      version,
      from_version: from,
      action,
      strategy: json(strategy),
      actor: ctx.caller.actor,
      reason,
      created_at: ctx.clock.now(),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}

export async function liveVersion(ctx: TxCtx, modelId: string, environment: string): Promise<string | null> {
  const row = await ctx.db
    .selectFrom('live_versions')
    .select('version')
    .where('model_id', '=', modelId)
    .where('environment', '=', environment)
    .executeTakeFirst()
  return row?.version ?? null
}

/** Tells every replica that what is live (or how it is called) has changed. */
export async function bumpRevision(ctx: TxCtx): Promise<void> {
  await bumpServingRevision(ctx.db)
  wake(ctx.db, 'deployments')
}

/** For a version that answers no longer where it did. */
export async function archiveUnlessServing(ctx: TxCtx, modelId: string, version: string): Promise<void> {
  const live = await ctx.db
    .selectFrom('live_versions')
    .select('environment')
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .executeTakeFirst()
  const canary = await ctx.db
    .selectFrom('rollouts')
    .select('id')
    .where('model_id', '=', modelId)
    .where('challenger_version', '=', version)
    .where('state', '=', 'running')
    .where('kind', '=', 'canary')
    .executeTakeFirst()
  if (live || canary) return
  await setStatus(ctx, modelId, version, 'archived')
  await emit(ctx, { type: 'ml.model.archived', subject: modelId, data: { model_id: modelId, version } })
}

export async function setStatus(
  ctx: TxCtx,
  modelId: string,
  version: string,
  status: 'deployed' | 'archived',
): Promise<void> {
  await ctx.db
    .updateTable('model_versions')
    .set({ status })
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .execute()
}

export function deploymentDocument(row: Row<'deployments'>): Deployment {
  return {
    id: row.id,
    model_id: row.model_id,
    environment: row.environment,
    version: row.version,
    from_version: row.from_version,
    action: row.action,
    strategy: row.strategy,
    actor: row.actor,
    reason: row.reason,
    created_at: row.created_at.toISOString(),
  }
}
