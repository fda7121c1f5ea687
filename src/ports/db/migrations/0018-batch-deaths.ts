// Why a chunk was begun again, counted apart: a chunk that kills its workers has to be given up soon, one that waits for a server
// has not.
import { type Kysely, sql } from 'kysely'

const COUNTS =
  'alter table batch_chunks add column deaths integer not null default 0, add column outages integer not null default 0'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(COUNTS).execute(db)
}
