// What is known now of many entities: one round trip brings the declaration, the states and what a source outside said of them;
// what is not there comes from the database in one query, and then from the source.
import type { EntityType } from '../../contract/features.ts'
import { notFound } from '../../core/failure.ts'
import { inSpan } from '../../core/trace.ts'
import type { Row } from '../../ports/db/index.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { keepStates, type OnlineState, readOnline, stateKey } from './online.ts'
import type { EntityState } from './policy.ts'
import { sourceKeys, withSource } from './sourced.ts'

/** A declaration that changed is seen by every replica after this long, and at once by the one that took it. */
const TYPE_SECONDS = 5

const typeKey = (tenantId: string, name: string) => `feature-type:${tenantId}:${name}`

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
  const [cachedType, ...cached] = await ctx.cache.getMany([
    typeKey(tenantId, entityType),
    ...ids.map((id) => stateKey(tenantId, entityType, id)),
    ...(source ? sourceKeys(ctx, { source, entityType, ids }) : []),
  ])
  const online = ids.map((_, index) => readOnline(cached[index]))
  const { type, states } = await complete(ctx, { entityType, ids, online, cachedType })
  if (!source) return { type, states }
  return { type, states: await withSource(ctx, { source, type, ids, states, cached: cached.slice(ids.length) }) }
}

interface Found {
  readonly entityType: string
  readonly ids: readonly string[]
  readonly online: readonly (OnlineState | undefined)[]
  readonly cachedType: Uint8Array | undefined
}

async function complete(ctx: Ctx, { entityType, ids, online, cachedType }: Found): Promise<KnownEntities> {
  const missing = new Set(ids.filter((_, index) => online[index] === undefined))
  if (cachedType && missing.size === 0) return { type: parse(cachedType), states: online.map((one) => one!.state) }
  const { type, found } = await inTransaction(ctx, async (ctx) => ({
    type: cachedType ? parse(cachedType) : await getEntityType(ctx, entityType),
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

function keepType({ cache, caller }: Ctx, type: EntityType): Promise<void> {
  const value = Buffer.from(JSON.stringify(type))
  return cache.set(typeKey(caller.tenantId, type.entity_type), value, TYPE_SECONDS)
}

export function forgetType({ cache, caller }: Ctx, entityType: string): Promise<void> {
  return cache.delete([typeKey(caller.tenantId, entityType)])
}

/** @throws `not_found` ENTITY_TYPE_NOT_FOUND */
export async function getEntityType(ctx: TxCtx, name: string): Promise<EntityType> {
  const row = await ctx.db.selectFrom('entity_types').selectAll().where('name', '=', name).executeTakeFirst()
  if (!row) throw notFound('entity type', name)
  return entityTypeDocument(row)
}

export function entityTypeDocument(row: Row<'entity_types'>): EntityType {
  return {
    entity_type: row.name,
    features: [...row.features],
    ttl_seconds: row.ttl_seconds,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}

function parse(bytes: Uint8Array): EntityType {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as EntityType
}
