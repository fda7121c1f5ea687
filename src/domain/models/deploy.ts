// Making a version live. The history is append-only; `live_versions` is its current end, and the revision that replicas
// watch moves in the same transaction, so a replica that sees the revision also sees the change.
import { DEFAULT_ENVIRONMENT, type Deployment, type Strategy } from '../../contract/models.ts'
import type { Input } from '../../contract/operations/index.ts'
import { fail } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { bumpServingRevision, json, type Row, wake } from '../../ports/db/index.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { emit } from '../events.ts'
import { getVersionRow, lockModelRow, requireTrained } from './store.ts'

const TO_ALL: Strategy = { type: 'all' }

export function deploy(ctx: Ctx, input: Input<'models.deploy'>): Promise<Deployment> {
  const strategy = input.strategy ?? TO_ALL
  if (strategy.type !== 'all') {
    throw fail('invalid', 'STRATEGY_UNAVAILABLE', `strategy.type: "${strategy.type}" is not available; use "all"`, {
      details: { errors: [{ field: 'strategy.type', message: 'must be "all"', value: strategy.type }] },
    })
  }
  return inTransaction(ctx, async (ctx) => {
    const model = await lockModelRow(ctx, input.model_id)
    return makeLive(ctx, model, {
      version: input.version,
      environment: input.environment ?? DEFAULT_ENVIRONMENT,
      action: 'deploy',
      reason: input.reason ?? 'asked for',
    })
  })
}

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

/** The model row must be locked. */
export async function makeLive(ctx: TxCtx, model: Row<'models'>, change: Change): Promise<Deployment> {
  const { version, environment, action, reason } = change
  requireTrained(await getVersionRow(ctx, model.id, version))
  const from = await liveVersion(ctx, model.id, environment)
  if (from === version) {
    throw fail('conflict', 'ALREADY_DEPLOYED', `Version ${version} is already live in "${environment}"`)
  }
  const now = ctx.clock.now()
  const row = await ctx.db
    .insertInto('deployments')
    .values({
      id: newId('dep'),
      tenant_id: model.tenant_id,
      model_id: model.id,
      environment,
      version,
      from_version: from,
      action,
      strategy: json(TO_ALL),
      actor: ctx.caller.actor,
      reason,
      created_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  const live = { version, strategy: json(TO_ALL), previous_version: from, updated_at: now }
  await ctx.db
    .insertInto('live_versions')
    .values({ tenant_id: model.tenant_id, model_id: model.id, environment, ...live })
    .onConflict((conflict) => conflict.columns(['model_id', 'environment']).doUpdateSet(live))
    .execute()
  await setStatus(ctx, model.id, version, 'deployed')
  if (from !== null) await archiveUnlessLive(ctx, model.id, from)
  await bumpRevision(ctx)
  const data = { model_id: model.id, model_name: model.name, version, from_version: from, environment, reason }
  await emit(ctx, { type: EVENT_OF[action], subject: model.id, data })
  // A promotion is a deployment too: who only follows deployments must not miss it.
  if (action === 'promote') await emit(ctx, { type: 'ml.model.deployed', subject: model.id, data })
  return deploymentDocument(row)
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

async function archiveUnlessLive(ctx: TxCtx, modelId: string, version: string): Promise<void> {
  const elsewhere = await ctx.db
    .selectFrom('live_versions')
    .select('environment')
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .executeTakeFirst()
  if (elsewhere) return
  await setStatus(ctx, modelId, version, 'archived')
  await emit(ctx, { type: 'ml.model.archived', subject: modelId, data: { model_id: modelId, version } })
}

async function setStatus(ctx: TxCtx, modelId: string, version: string, status: 'deployed' | 'archived'): Promise<void> {
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
