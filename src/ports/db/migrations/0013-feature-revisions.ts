// How often the state of an entity was written: what tells a newer copy of it from an older one, whoever made them in what order.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('alter table feature_states add column revision integer not null default 0').execute(db)
}
