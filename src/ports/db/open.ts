// Chooses the database by URL: `postgres://…`, or none for the embedded one in DATA_DIR.
import { fail } from '../../core/failure.ts'
import { openEmbedded, type Preparation } from './embedded/open.ts'
import type { StartedDatabase } from './embedded/start.ts'
import type { Database } from './index.ts'
import { openPostgres } from './postgres.ts'

export { setAddress } from './embedded/lock.ts'
export type { Preparation } from './embedded/open.ts'

export interface DatabaseOptions {
  /** `postgres://…` or `postgresql://…`; undefined: embedded. */
  readonly url: string | undefined
  readonly dataDir: string
  /** The embedded database, where it was started before the rest of the service. */
  readonly started?: StartedDatabase | undefined
  /** Name shown in `pg_stat_activity`. */
  readonly applicationName: string
  readonly maxConnections?: number
  /** A transaction that takes longer is rolled back; default 60,000. */
  readonly transactionTimeoutMs?: number
  /** Run once for a new embedded database, so that its template holds it. */
  readonly preparation?: Preparation
}

/**
 * Opens the database without waiting for it: `ping` says whether it answers, `migrate` brings its schema up to date.
 * @throws `conflict` `DATA_DIR_IN_USE` if another process has the embedded database.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { url } = options
  if (url === undefined) return await openEmbedded(options)
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw fail('invalid', 'VALIDATION_ERROR', 'DATABASE_URL must start with postgres://')
  }
  return openPostgres({ ...options, url })
}
