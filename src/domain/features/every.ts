// Everything that is known, a page at a time: what a model learns from. Each page is a transaction of its own, so that a long
// reading holds nothing; what is written meanwhile may or may not be seen.
import type { EntityType, FeatureVector } from '../../contract/features.ts'
import { asFailure } from '../../core/failure.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { vectorOf } from './read.ts'
import { getEntityType } from './types.ts'

const PAGE = 2000

/** By id; nothing where the entity type was never declared. */
export async function* eachEntity(ctx: Ctx, entityType: string): AsyncGenerator<readonly FeatureVector[]> {
  const type = await typeOrNone(ctx, entityType)
  let after = ''
  while (type) {
    ctx.signal.throwIfAborted()
    const rows = await inTransaction(ctx, (ctx) =>
      ctx.db
        .selectFrom('feature_states')
        .select(['entity_id', 'state'])
        .where('tenant_id', '=', ctx.caller.tenantId)
        .where('entity_type', '=', entityType)
        .where('entity_id', '>', after)
        .orderBy('entity_id')
        .limit(PAGE)
        .execute(),
    )
    if (rows.length === 0) return
    const atMs = ctx.clock.now().getTime()
    yield rows.map(({ entity_id: entityId, state }) => vectorOf({ type, entityId, state, atMs }))
    after = rows.at(-1)!.entity_id
  }
}

async function typeOrNone(ctx: Ctx, name: string): Promise<EntityType | undefined> {
  try {
    return await inTransaction(ctx, (ctx) => getEntityType(ctx, name))
  } catch (error) {
    if (asFailure(error).kind === 'not_found') return undefined
    throw error
  }
}

export interface RecordedInteraction {
  readonly userId: string
  readonly itemId: string | null
  readonly event: string
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly value: number | null
  readonly channel: string | null
}

/** In the order they were recorded. */
export async function* eachInteraction(ctx: Ctx): AsyncGenerator<readonly RecordedInteraction[]> {
  let after = 0
  for (;;) {
    ctx.signal.throwIfAborted()
    const rows = await interactionsAfter(ctx, after)
    if (rows.length === 0) return
    yield rows.map(({ user_id, item_id, event, at, value, channel }) => ({
      userId: user_id,
      itemId: item_id,
      event,
      atMs: at.getTime(),
      value,
      channel,
    }))
    after = Number(rows.at(-1)!.seq)
  }
}

function interactionsAfter(ctx: Ctx, seq: number) {
  return inTransaction(ctx, (ctx) =>
    ctx.db
      .selectFrom('interactions')
      .select(['seq', 'user_id', 'item_id', 'event', 'at', 'value', 'channel'])
      .where('tenant_id', '=', ctx.caller.tenantId)
      .where('seq', '>', seq)
      .orderBy('seq')
      .limit(PAGE)
      .execute(),
  )
}
