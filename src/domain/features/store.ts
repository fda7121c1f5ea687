// What is known now of many entities: one round trip brings the declaration, the states and what a source outside said of them;
// what is not there comes from the database in one query, and then from the source.
import type { EntityType } from '../../contract/features.ts'
import { inSpan } from '../../core/trace.ts'
import { mapInTurns } from '../../core/turns.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { keepStates, type OnlineState, readOnline, stateKey } from './online.ts'
import type { EntityState } from './policy.ts'
import { sourceKeys, withSource } from './sourced.ts'
import { getEntityType, keepType, readType, typeKey } from './types.ts'

/** Of a long list: between these others have their turn. */
export const IDS_AT_A_TIME = 500

export interface KnownEntities {
  readonly type: EntityType
  /** One an id, in the order given; undefined for an entity of which nothing is known. */
  readonly states: readonly (EntityState | undefined)[]
}

/** @throws `not_found` ENTITY_TYPE_NOT_FOUND */
export function readStates(ctx: Ctx, entityType: string, ids: readonly string[]): Promise<KnownEntities> {
  const attributes = { 'modelyard.entity_type': entityType, 'modelyard.entities': ids.length }
  return inSpan(ctx, { name: 'features.states', attributes }, (ctx) => find(ctx, entityType, ids))
}

async function find(ctx: Ctx, entityType: string, ids: readonly string[]): Promise<KnownEntities> {
  const { tenantId } = ctx.caller
  const source = ctx.sources.of(tenantId, entityType)
  const keyOfType = typeKey(tenantId, entityType)
  const [bytes, ...cached] = await ctx.cache.getMany([
    keyOfType,
    ...ids.map((id) => stateKey(tenantId, entityType, id)),
    ...(source ? sourceKeys(ctx, { source, entityType, ids }) : []),
  ])
  const online = await mapInTurns(ids, { atATime: IDS_AT_A_TIME }, (_, index) => readOnline(cached[index]))
  const { type, states } = await complete(ctx, {
    entityType,
    ids,
    online,
    cachedType: readType(keyOfType, bytes),
  })
  if (!source) return { type, states }
  return { type, states: await withSource(ctx, { source, type, ids, states, cached: cached.slice(ids.length) }) }
}

interface Found {
  readonly entityType: string
  readonly ids: readonly string[]
  readonly online: readonly (OnlineState | undefined)[]
  readonly cachedType: EntityType | undefined
}

async function complete(ctx: Ctx, { entityType, ids, online, cachedType }: Found): Promise<KnownEntities> {
  const missing = new Set(ids.filter((_, index) => online[index] === undefined))
  if (cachedType && missing.size === 0) return { type: cachedType, states: online.map((one) => one!.state) }
  const { type, found } = await inTransaction(ctx, async (ctx) => ({
    type: cachedType ?? (await getEntityType(ctx, entityType)),
    found: await statesFromDatabase(ctx, entityType, [...missing]),
  }))
  if (!cachedType) await keepType(ctx, type)
  await keepStates(ctx, entityType, found)
  return { type, states: ids.map((id, index) => (online[index] ?? found.get(id))?.state) }
}

/** One an id. */
async function statesFromDatabase(
  ctx: TxCtx,
  entityType: string,
  ids: readonly string[],
): Promise<Map<string, OnlineState>> {
  if (ids.length === 0) return new Map()
  const rows = await ctx.db
    .selectFrom('feature_states')
    .select(['entity_id', 'state', 'revision'])
    .where('tenant_id', '=', ctx.caller.tenantId)
    .where('entity_type', '=', entityType)
    .where((eb) => eb('entity_id', '=', eb.fn.any(eb.val(ids))))
    .execute()
  const found = new Map<string, OnlineState>(ids.map((id) => [id, { state: undefined, revision: 0 }]))
  for (const { entity_id, state, revision } of rows) found.set(entity_id, { state, revision })
  return found
}
