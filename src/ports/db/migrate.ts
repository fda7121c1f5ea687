// Runs the migrations. Several replicas may start at once: Kysely's advisory lock lets one of them do it.
import { Kysely, PostgresDialect } from 'kysely'
import { Migrator } from 'kysely/migration'
import type { Pool } from 'pg'
import { migrations } from './migrations/index.ts'

/** Brings the schema up to date. All migrations of one call succeed or fail together. */
export async function migrateToLatest(pool: Pool): Promise<void> {
  // Not destroyed afterwards: that would end the pool, which belongs to the caller.
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    migrationTableName: 'schema_migrations',
    migrationLockTableName: 'schema_migrations_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}
