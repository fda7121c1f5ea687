// Runs the migrations. Several replicas may start at once: Kysely's advisory lock lets one of them do it.
import { Kysely, PostgresDialect } from 'kysely'
import { Migrator } from 'kysely/migration'
import type { Pool } from 'pg'
import { migrations } from './migrations/index.ts'

const MIGRATIONS_TABLE = 'schema_migrations'

/** Brings the schema up to date. All migrations of one call succeed or fail together. */
export async function migrateToLatest(pool: Pool): Promise<void> {
  if (await isUpToDate(pool)) return
  // Not destroyed afterwards: that would end the pool, which belongs to the caller.
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    migrationTableName: MIGRATIONS_TABLE,
    migrationLockTableName: 'schema_migrations_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

/** One query instead of the fifteen that the migrator needs to find out that there is nothing to do. */
async function isUpToDate(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ found: string | null }>('select to_regclass($1) as found', [MIGRATIONS_TABLE])
  if (rows[0]?.found == null) return false
  const done = await pool.query<{ name: string }>(`select name from ${MIGRATIONS_TABLE}`)
  const names = new Set(done.rows.map(({ name }) => name))
  return Object.keys(migrations).every((name) => names.has(name))
}
