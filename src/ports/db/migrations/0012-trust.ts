// Whether somebody vouched for a version's file. What lies here already was served among our own and stays so.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('alter table model_versions add column trusted boolean not null default true').execute(db)
}
