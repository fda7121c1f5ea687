// A training may learn from what a tenant has recorded, which is no dataset.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('alter table training_jobs alter column dataset_id drop not null').execute(db)
}
