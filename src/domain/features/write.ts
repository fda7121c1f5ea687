// Writing observations: the history gets a row for each moment, the state keeps the newest value of every feature. Both in one
// transaction, entities in one order, so that two writers wait for each other instead of deadlocking. Rows travel as one document a statement:
// a parameter for each value held up the process and the database several times as long.
import { sql } from 'kysely'
import type { FeatureValue, FeatureVector } from '../../contract/features.ts'
import type { Input } from '../../contract/operations/index.ts'
import { invalid } from '../../core/failure.ts'
import { json } from '../../ports/db/index.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { keepStates, markStates, type OnlineState } from './online.ts'
import { mergeState, momentOf, valueErrors } from './policy.ts'
import { vectorOf } from './read.ts'
import { getEntityType } from './types.ts'

/** What became known of one entity at one moment. */
export interface Observation {
  readonly entityId: string
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly values: Readonly<Record<string, FeatureValue>>
}

export async function putFeatures(ctx: Ctx, input: Input<'features.put'>): Promise<FeatureVector> {
  const { entity_type, entity_id, features } = input
  const nowMs = ctx.clock.now().getTime()
  const { type, states } = await inTransaction(ctx, async (ctx) => {
    const type = await getEntityType(ctx, entity_type)
    const atMs = momentOf(input.observed_at, 'observed_at', nowMs)
    const errors = valueErrors(type, features, 'features.')
    if (typeof atMs !== 'number') errors.push(atMs)
    if (errors.length > 0 || typeof atMs !== 'number') throw invalid('features', errors)
    const states = await writeObservations(ctx, entity_type, [{ entityId: entity_id, atMs, values: features }])
    return { type, states }
  })
  await keepStates(ctx, entity_type, states)
  return vectorOf({ type, entityId: entity_id, state: states.get(entity_id)?.state, atMs: nowMs })
}

/** @returns the new state of every entity written, for `keepStates` once it has committed. */
export async function writeObservations(
  ctx: TxCtx,
  entityType: string,
  given: readonly Observation[],
): Promise<Map<string, OnlineState>> {
  const observations = oneAMoment(given)
  const { tenantId: tenant_id } = ctx.caller
  const ids = [...new Set(observations.map(({ entityId }) => entityId))].sort()
  await sql`insert into feature_states (tenant_id, entity_type, entity_id, state)
    select ${tenant_id}, ${entityType}, id, '{}' from unnest(${ids}::text[]) as id
    on conflict do nothing`.execute(ctx.db)
  const rows = await ctx.db
    .selectFrom('feature_states')
    .select(['entity_id', 'state', 'revision'])
    .where('tenant_id', '=', tenant_id)
    .where('entity_type', '=', entityType)
    .where((eb) => eb('entity_id', '=', eb.fn.any(eb.val(ids))))
    .orderBy('entity_id')
    .forUpdate()
    .execute()
  const states = new Map<string, OnlineState>(
    rows.map(({ entity_id, state, revision }) => [entity_id, { state, revision: revision + 1 }]),
  )
  for (const { entityId, values, atMs } of observations) {
    const { state, revision } = states.get(entityId)!
    states.set(entityId, { state: mergeState(state ?? {}, values, atMs), revision })
  }
  await markStates(ctx, entityType, states)
  const seen = observations.map(({ entityId: id, atMs, values }) => ({ id, at: new Date(atMs), values }))
  await sql`insert into feature_history (tenant_id, entity_type, entity_id, observed_at, features)
    select ${tenant_id}, ${entityType}, r.id, r.at, r.values
    from jsonb_to_recordset(${json(seen)}::jsonb) as r(id text, at timestamptz, values jsonb)
    on conflict (tenant_id, entity_type, entity_id, observed_at)
      do update set features = feature_history.features || excluded.features`.execute(ctx.db)
  const known = ids.map((id) => ({ id, ...states.get(id)! }))
  await sql`insert into feature_states (tenant_id, entity_type, entity_id, state, revision)
    select ${tenant_id}, ${entityType}, r.id, r.state, r.revision
    from jsonb_to_recordset(${json(known)}::jsonb) as r(id text, state jsonb, revision integer)
    on conflict (tenant_id, entity_type, entity_id)
      do update set state = excluded.state, revision = excluded.revision`.execute(ctx.db)
  return states
}

/** What is said of one entity and one moment several times is one observation; later words win. */
function oneAMoment(given: readonly Observation[]): Observation[] {
  const merged = new Map<string, Observation>()
  for (const observation of given) {
    const key = `${observation.atMs}:${observation.entityId}`
    const known = merged.get(key)
    merged.set(key, known ? { ...known, values: { ...known.values, ...observation.values } } : observation)
  }
  return [...merged.values()]
}
