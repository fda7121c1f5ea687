// Secrets that were replaced, each with the time until which deliveries are still signed with it too.
import { type Kysely, sql } from 'kysely'

// The default is for the rows that are there already.
const OLD_SECRETS = [
  "alter table webhooks add column old_secrets jsonb not null default '[]'",
  'alter table webhooks alter column old_secrets drop default',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of OLD_SECRETS) await sql.raw(statement).execute(db)
}
