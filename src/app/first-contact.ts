// Requests are taken from the first moment on, but a new database has no tables until it was migrated. Verbs therefore get
// a database whose transactions wait a little for that, and then say that the service is still starting.
import { pause } from '../core/backoff.ts'
import { fail } from '../core/failure.ts'
import type { Database, Tx } from '../ports/db/index.ts'

/** Longer than the first start of an embedded database takes on a busy machine; shorter than callers wait. */
const LIMIT_MS = 8_000

/**
 * @param migrated resolves once the schema is up to date.
 * @returns the database, whose transactions fail as `unavailable` `SERVICE_STARTING` until then.
 */
export function afterMigration(db: Database, migrated: Promise<void>, limitMs = LIMIT_MS): Database {
  let ready = false
  const watched = migrated.then(
    () => {
      ready = true
    },
    () => {}, // reported by whoever migrates
  )
  const begun = async () => {
    const late = new AbortController()
    await Promise.race([watched, pause(limitMs, late.signal)])
    late.abort()
    if (ready) return
    throw fail('unavailable', 'SERVICE_STARTING', 'The service is starting; its database is not ready yet', {
      retryAfterSeconds: 1,
    })
  }
  return {
    ...db,
    async tenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
      if (!ready) await begun()
      return db.tenant(tenantId, work)
    },
    async system<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
      if (!ready) await begun()
      return db.system(work)
    },
  }
}
