// The database port: transactions in which row-level security shows one tenant, and transactions of the service itself.
// There is no way to run a statement outside a transaction, so none can run with a forgotten tenant.
import { sql, type Transaction } from 'kysely'
import type { Schema } from './schema.ts'
import { sessionOf } from './session.ts'

export { isUniqueViolation } from './errors.ts'
export { json } from './json.ts'
export type { NewRow, Row, Schema } from './schema.ts'
export type { StoredDifference } from './schema-rollouts.ts'

/** A running transaction. Valid until the function that was handed it returns. */
export type Tx = Transaction<Schema>

export interface DatabaseStatus {
  readonly kind: 'postgres' | 'embedded'
  /** Where the data is, without credentials: `postgres://host:5432/name` or `embedded:/path`. */
  readonly url: string
  /** Whether the last contact succeeded. */
  readonly connected: boolean
}

/** One statement, or several without values, outside every transaction and as the service itself: the queue's view. */
export interface SqlExecutor {
  executeSql(text: string, values?: readonly unknown[]): Promise<{ rows: Record<string, unknown>[] }>
}

/** Failures: `unavailable` (`DATABASE_UNAVAILABLE`, `DATABASE_BUSY`, `DATABASE_TIMEOUT`) whenever a retry makes sense. */
export interface Database {
  /** A transaction in which row-level security lets the caller see and write only this tenant's rows. */
  tenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T>
  /** A transaction of the service itself (relay, workers, polling): sees all tenants. */
  system<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  readonly queueExecutor: SqlExecutor
  /**
   * Calls `onWake` after any transaction here or (PostgreSQL) on another replica that called `wake(tx, channel)` has
   * committed. A hint only: it may be late or lost, so listeners poll as well. Returns the function that ends it.
   */
  onWake(channel: WakeChannel, onWake: () => void): () => void
  /** Brings the schema up to date; safe to call again and from several replicas at once. */
  migrate(): Promise<void>
  /** Resolves when the database answers. */
  ping(): Promise<void>
  status(): DatabaseStatus
  /** Waits for running transactions, then lets go of connections, threads and locks. */
  close(): Promise<void>
}

/** One each for what waits: most events concern no webhook and no schedule, and should not wake those who send and start. */
export const WAKE_CHANNELS = ['outbox', 'jobs', 'deployments', 'webhooks', 'schedules', 'progress'] as const
export type WakeChannel = (typeof WAKE_CHANNELS)[number]

/** Wakes the listeners of `channel` once this transaction has committed; nothing happens if it rolls back. */
export function wake(tx: Tx, channel: WakeChannel): void {
  sessionOf(tx).wakes.add(channel)
}

/**
 * The next statement (of several: the last of them) ends the transaction: COMMIT is sent right behind it, which saves a round trip. What
 * they do stands, unless one of them fails, so nothing must depend on their answers.
 */
export function endWithNext(tx: Tx, statements = 1): void {
  sessionOf(tx).endsAfter = statements
}

/**
 * Runs `work` as the service itself inside the same transaction (enqueueing a job, which lives in the queue's own
 * tables), then returns to the tenant.
 */
export async function asSystem<T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> {
  const session = sessionOf(tx)
  if (session.role === 'system') return work(tx)
  session.role = 'system'
  await sql`set local role none`.execute(tx)
  try {
    return await work(tx)
  } finally {
    session.role = 'tenant'
    // Fails only in a transaction that can do nothing but roll back, whose own error must not be hidden.
    await sql`set local role modelyard_tenant`.execute(tx).catch(() => {})
  }
}

/**
 * How long a loop sleeps that `onWake` wakes. Nobody else writes to the embedded database, so no wake-up is lost there and looking again is only the net
 * below it; and every look is a statement in this very process, which requests would wait for.
 */
export function pollMs(db: Pick<Database, 'status'>, sharedMs: number): number {
  return db.status().kind === 'embedded' ? CALM * sharedMs : sharedMs
}

const CALM = 10

/** Raises the serving revision, from a tenant's transaction too, and returns it. Holds a row lock until commit. */
export async function bumpServingRevision(tx: Tx): Promise<number> {
  const { rows } = await sql<{ revision: number }>`select modelyard_bump_revision() as revision`.execute(tx)
  return rows[0]!.revision
}
