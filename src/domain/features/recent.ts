// Readings of the interactions that name a user: the latest ones, and how many there were of each kind.
import { sql } from 'kysely'
import type { TxCtx } from '../ctx.ts'

export interface Happened {
  readonly event: string
  readonly at: Date
  readonly channel: string | null
}

/** What happened to one user, the latest first. */
export function latestInteractions({ db, caller }: TxCtx, user: string, limit: number): Promise<Happened[]> {
  return db
    .selectFrom('interactions')
    .select(['event', 'at', 'channel'])
    .where('tenant_id', '=', caller.tenantId)
    .where('user_id', '=', user)
    .orderBy('at', 'desc')
    .limit(limit)
    .execute()
}

export interface Count {
  readonly id: string
  /** Whether `id` did it, or it was done with `id`. */
  readonly side: 'by' | 'of'
  readonly event: string
  readonly value: number | null
  readonly count: number
}

/** How often each of `events` was recorded by and of these users, by its value. What somebody did with themselves is left out. */
export async function countInteractions(
  { db, caller }: TxCtx,
  ids: readonly string[],
  events: readonly string[],
): Promise<Count[]> {
  const side = (name: 'by' | 'of') => {
    const column = sql.ref(name === 'by' ? 'user_id' : 'item_id')
    return sql`select ${column} as id, ${sql.lit(name)} as side, event, value, count(*)::int as count from interactions
      where tenant_id = ${caller.tenantId} and ${column} = any(${[...ids]}::text[]) and event = any(${[...events]}::text[])
        and item_id is not null and item_id <> user_id
      group by 1, 3, 4`
  }
  const { rows } = await sql<Count>`${side('by')} union all ${side('of')}`.execute(db)
  return rows
}
