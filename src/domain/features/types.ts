// Declarations of entity types, held beside the database as states are: by revision, marked before a change commits. Their revision is
// the moment of the change, made later than the one before it whatever the clocks of the replicas say. A declaration is read with
// every request and hardly ever changes, so the parsed one is used again while the bytes are the same.
import type { EntityType } from '../../contract/features.ts'
import { notFound } from '../../core/failure.ts'
import { readRevised, revised } from '../../ports/cache/index.ts'
import type { Row } from '../../ports/db/index.ts'
import type { Ctx, TxCtx } from '../ctx.ts'
import { readKept } from './kept.ts'
import { lifeSeconds, MARK_SECONDS } from './online.ts'

/** Of declarations, in all tenants together; then all are parsed anew. */
const MOST_PARSED = 1000
const parsed = new Map<string, { readonly bytes: Uint8Array; readonly type: EntityType }>()

export function typeKey(tenantId: string, name: string): string {
  return `feature-type:${tenantId}:${name}`
}

/** Undefined where the database has to be asked. */
export function readType(key: string, bytes: Uint8Array | undefined): EntityType | undefined {
  if (bytes === undefined) return undefined
  const known = parsed.get(key)
  if (known && Buffer.compare(known.bytes, bytes) === 0) return known.type
  const { value } = readRevised(bytes)
  const type = value === '' ? undefined : readKept<EntityType>(value)
  if (!Array.isArray(type?.features)) return undefined
  if (parsed.size >= MOST_PARSED) parsed.clear()
  parsed.set(key, { bytes, type })
  return type
}

/** Before a change commits, while it holds the lock on the row. */
export function markType(ctx: TxCtx, type: EntityType): Promise<void> {
  const [key, revision] = [typeKey(ctx.caller.tenantId, type.entity_type), Date.parse(type.updated_at)]
  return ctx.cache.setMany([{ key, value: revised(revision, ''), revision, ttlSeconds: MARK_SECONDS }])
}

/** A declaration as it was committed. */
export function keepType(ctx: Ctx, type: EntityType): Promise<void> {
  const [key, revision] = [typeKey(ctx.caller.tenantId, type.entity_type), Date.parse(type.updated_at)]
  const value = revised(revision, JSON.stringify(type))
  return ctx.cache.setMany([{ key, value, revision, ttlSeconds: lifeSeconds(ctx) }])
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
