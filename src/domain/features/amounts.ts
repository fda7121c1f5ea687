// How much was recorded that something could be learned from: asked before a training is accepted, which reads all of it later.
import { sql } from 'kysely'
import { type Ctx, inTransaction } from '../ctx.ts'

export interface ItemQuestion {
  readonly events: readonly string[]
  /** Of those, the ones that say nothing without a value. */
  readonly valued: readonly string[]
  /** Where entities of this type are known, only they count as items. */
  readonly itemType: string
}

/** Interactions with items, and how many items there are. */
export function countOfItems(ctx: Ctx, question: ItemQuestion): Promise<{ interactions: number; items: number }> {
  const { events, valued, itemType } = question
  return inTransaction(ctx, async ({ db, caller: { tenantId } }) => {
    const { rows } = await sql<{ interactions: number; items: number }>`
      with known as (
        select entity_id from feature_states where tenant_id = ${tenantId} and entity_type = ${itemType}
      ), done as (
        select item_id from interactions
        where tenant_id = ${tenantId} and item_id is not null and event = any(${[...events]}::text[])
          and (value is not null or event <> all(${[...valued]}::text[]))
          and (not exists (select from known) or item_id in (select entity_id from known))
      )
      select (select count(*) from done)::float8 as interactions,
        case when exists (select from known) then (select count(*) from known)
          else (select count(distinct item_id) from done) end::float8 as items`.execute(db)
    return rows[0]!
  })
}

export interface HourQuestion {
  /** Events that are no activity of the user's. */
  readonly except: readonly string[]
  /** So many active hours make a user count. */
  readonly least: number
  /** Of one user at most so many hours count. */
  readonly most: number
}

/** Users with enough active hours, and the active hours of all. */
export function countOfHours(
  ctx: Ctx,
  { except, least, most }: HourQuestion,
): Promise<{ users: number; hours: number }> {
  return inTransaction(ctx, async ({ db, caller: { tenantId } }) => {
    const { rows } = await sql<{ users: number; hours: number }>`
      with active as (
        select count(distinct floor(extract(epoch from at) / 3600)) as hours from interactions
        where tenant_id = ${tenantId} and event <> all(${[...except]}::text[])
        group by user_id
      )
      select count(*) filter (where hours >= ${least})::float8 as users,
        coalesce(sum(least(hours, ${most})), 0)::float8 as hours from active`.execute(db)
    return rows[0]!
  })
}
