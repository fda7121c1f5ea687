// Entity types and states, through the cache. One round trip brings the declaration and the states of every entity asked for;
// what the cache does not have comes from the database in one query. A write deletes the cached copies; a reader that was
// under way meanwhile may put an old one back, and a replica with a cache of its own hears of no deletion: hence the short life.
import type { EntityType } from '../../contract/features.ts'
import { notFound } from '../../core/failure.ts'
import type { Row } from '../../ports/db/index.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import type { EntityState } from './policy.ts'

/** A write is seen everywhere after this long, and at once by the replica that took it. */
const CACHE_SECONDS = 5

const typeKey = (tenantId: string, name: string) => `feature-type:${tenantId}:${name}`
const stateKey = (tenantId: string, type: string, id: string) => `features:${tenantId}:${type}:${id}`

export interface KnownEntities {
  readonly type: EntityType
  /** One an id, in the order given; undefined for an entity nothing was ever written of. */
  readonly states: readonly (EntityState | undefined)[]
}

/** @throws `not_found` ENTITY_TYPE_NOT_FOUND */
export async function readStates(ctx: Ctx, entityType: string, ids: readonly string[]): Promise<KnownEntities> {
  const { tenantId } = ctx.caller
  const keys = [typeKey(tenantId, entityType), ...ids.map((id) => stateKey(tenantId, entityType, id))]
  const [cachedType, ...cached] = await ctx.cache.getMany(keys)
  const missing = new Set(ids.filter((_, index) => cached[index] === undefined))
  if (cachedType && missing.size === 0) {
    return { type: parse<EntityType>(cachedType), states: cached.map((bytes) => stateOf(parse(bytes!))) }
  }
  const { type, found } = await inTransaction(ctx, async (ctx) => ({
    type: cachedType ? parse<EntityType>(cachedType) : await getEntityType(ctx, entityType),
    found: await statesFromDatabase(ctx, entityType, [...missing]),
  }))
  await ctx.cache.setMany([
    { key: keys[0]!, value: bytesOf(type), ttlSeconds: CACHE_SECONDS },
    ...[...missing].map((id) => ({
      key: stateKey(tenantId, entityType, id),
      value: bytesOf(found.get(id) ?? null),
      ttlSeconds: CACHE_SECONDS,
    })),
  ])
  return { type, states: ids.map((id, index) => (cached[index] ? stateOf(parse(cached[index])) : found.get(id))) }
}

async function statesFromDatabase(
  ctx: TxCtx,
  entityType: string,
  ids: readonly string[],
): Promise<Map<string, EntityState>> {
  if (ids.length === 0) return new Map()
  const rows = await ctx.db
    .selectFrom('feature_states')
    .select(['entity_id', 'state'])
    .where('tenant_id', '=', ctx.caller.tenantId)
    .where('entity_type', '=', entityType)
    .where((eb) => eb('entity_id', '=', eb.fn.any(eb.val(ids))))
    .execute()
  return new Map(rows.map((row) => [row.entity_id, row.state]))
}

/** Once a write has committed. */
export function forgetStates({ cache, caller }: Ctx, entityType: string, ids: Iterable<string>): Promise<void> {
  return cache.delete([...ids].map((id) => stateKey(caller.tenantId, entityType, id)))
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

function bytesOf(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

function parse<T>(bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as T
}

function stateOf(state: EntityState | null): EntityState | undefined {
  return state ?? undefined
}
