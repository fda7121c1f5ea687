// What others did with an item, found by the item: how often a traveller was wished for as a companion is read with a match.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index interactions_item on interactions (tenant_id, item_id, event) where item_id is not null`.execute(
    db,
  )
}
