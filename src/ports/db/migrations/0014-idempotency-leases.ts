// Who works on the request of an Idempotency-Key, and until when that is believed without a word from them.
import { type Kysely, sql } from 'kysely'

// The defaults are for the rows that are there already.
const LEASES = [
  "alter table idempotency_keys add column holder text not null default ''",
  'alter table idempotency_keys add column held_until timestamptz not null default now()',
  'alter table idempotency_keys alter column holder drop default',
  'alter table idempotency_keys alter column held_until drop default',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of LEASES) await sql.raw(statement).execute(db)
}
