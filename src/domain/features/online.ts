// The values of now, held beside the database for reads in one round trip: in Redis for all replicas, or in memory. The database
// is the truth. A write says before it commits which revision is coming, and puts the new state there once it has: in between
// readers go to the database, and nobody, however late, can put an older state over a newer one.
import { type CacheEntry, readRevised, revised } from '../../ports/cache/index.ts'
import type { Ctx, TxCtx } from '../ctx.ts'
import { readKept } from './kept.ts'
import type { EntityState } from './policy.ts'

/** So long a state may be old at most, after two faults at once: Redis was away for a write, and the writer ended before it was back. */
const LIFE_SECONDS = 300
/** Of a copy in memory while other replicas write to the same database and nobody tells this one. */
const APART_SECONDS = 5
/** Longer than from the lock on the row to the end of the transaction. */
export const MARK_SECONDS = 10

/** The state is undefined for an entity nothing was ever written of. */
export interface OnlineState {
  readonly state: EntityState | undefined
  readonly revision: number
}

export function stateKey(tenantId: string, entityType: string, id: string): string {
  return `features:${tenantId}:${entityType}:${id}`
}

/** Undefined where the database has to be asked: there is nothing, or a write is under way. */
export function readOnline(bytes: Uint8Array | undefined): OnlineState | undefined {
  if (bytes === undefined) return undefined
  const { revision, value } = readRevised(bytes)
  const state = value === '' ? undefined : readKept<EntityState | null>(value)
  return state === undefined || typeof state !== 'object' ? undefined : { revision, state: state ?? undefined }
}

/** Before a write commits, while it holds the lock on the rows. */
export function markStates(ctx: TxCtx, entityType: string, states: ReadonlyMap<string, OnlineState>): Promise<void> {
  return ctx.cache.setMany(
    [...states].map(([id, { revision }]) => ({
      key: stateKey(ctx.caller.tenantId, entityType, id),
      value: revised(revision, ''),
      revision,
      ttlSeconds: MARK_SECONDS,
    })),
  )
}

/** How long a copy may be kept of what all who write it also change the copy of. */
export function lifeSeconds({ cache, db }: Ctx): number {
  return cache.shared || db.status().kind === 'embedded' ? LIFE_SECONDS : APART_SECONDS
}

/** States as they were committed. */
export function keepStates(ctx: Ctx, entityType: string, states: ReadonlyMap<string, OnlineState>): Promise<void> {
  const { cache, caller } = ctx
  const ttlSeconds = lifeSeconds(ctx)
  return cache.setMany(
    [...states].map(([id, { state, revision }]): CacheEntry => {
      const value = revised(revision, JSON.stringify(state ?? null))
      return { key: stateKey(caller.tenantId, entityType, id), value, revision, ttlSeconds }
    }),
  )
}
