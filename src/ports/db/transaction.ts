// One transaction on one connection. BEGIN, the role and the tenant travel as a single statement, pipelined with the
// first query of the work; COMMIT carries the notifications. Kysely's own transactions would need a round trip for each.
// Row security guards against a forgotten condition, not against injected SQL: a statement could always reset the role.
import { type CompiledQuery, type DatabaseConnection, Transaction } from 'kysely'
import type { ClientBase } from 'pg'
import { fail } from '../../core/failure.ts'
import { isSqlError } from './errors.ts'
import type { Tx, WakeChannel } from './index.ts'
import { kyselyProps } from './kysely.ts'
import type { Schema } from './schema.ts'
import { endSession, newSession, type Session, startSession } from './session.ts'

const TENANT = /^[A-Za-z0-9_.-]{1,64}$/
const IN_FAILED_TRANSACTION = '25P02'

export interface Outcome<T> {
  readonly result: T
  readonly wakes: ReadonlySet<WakeChannel>
}

export interface TransactionOptions {
  /** Undefined: the service itself. */
  readonly tenantId: string | undefined
  /** Statements sent along with BEGIN (timeouts), each ending in a semicolon. */
  readonly settings: string
  /** Sends the wake channels to other processes. */
  readonly notify: boolean
}

/** Runs `work` between BEGIN and COMMIT; rolls back when it throws. */
export async function runTransaction<T>(
  client: ClientBase,
  options: TransactionOptions,
  work: (tx: Tx) => Promise<T>,
): Promise<Outcome<T>> {
  const begin = beginStatement(options)
  const session = newSession(options.tenantId === undefined ? 'system' : 'tenant')
  const end = () => commit(client, options.notify ? session.wakes : new Set())
  const tx = new Transaction<Schema>(kyselyProps(connectionOf(client, session, end)))
  startSession(tx, session)
  // Not awaited before the work: its first query is sent right behind, which saves a round trip.
  const begun = client.query(begin).then(
    () => undefined,
    (error: unknown) => error,
  )
  try {
    const result = await work(tx)
    if ((await begun) !== undefined) throw await begun
    await (session.committed ?? end())
    return { result, wakes: session.wakes }
  } catch (error) {
    const cause = (await begun) ?? error
    await client.query('rollback').catch(() => {}) // a connection that cannot roll back is thrown away by its owner
    throw cause
  } finally {
    endSession(tx)
  }
}

function beginStatement({ tenantId, settings }: TransactionOptions): string {
  if (tenantId === undefined) return `begin; ${settings}`
  // A simple query takes no parameters, so the tenant is quoted here; nothing that needs escaping passes the check.
  if (!TENANT.test(tenantId)) {
    throw fail('invalid', 'VALIDATION_ERROR', 'The tenant id may hold letters, digits, "_", "-" and ".", at most 64')
  }
  return `begin; ${settings} set local role modelyard_tenant; set local modelyard.tenant = '${tenantId}'`
}

async function commit(client: ClientBase, wakes: ReadonlySet<WakeChannel>): Promise<void> {
  const notifications = [...wakes].map((channel) => `notify modelyard_${channel}; `).join('')
  const done: unknown = await client.query(`${notifications}commit`).catch((error: unknown) => {
    if (isSqlError(error) && error.code === IN_FAILED_TRANSACTION) return { command: 'ROLLBACK' }
    throw error
  })
  const last: unknown = Array.isArray(done) ? done.at(-1) : done
  if ((last as { command: string }).command === 'ROLLBACK') {
    throw fail('internal', 'TRANSACTION_ABORTED', 'A statement failed and its error was ignored, so nothing was saved')
  }
}

function connectionOf(client: ClientBase, session: Session, end: () => Promise<void>): DatabaseConnection {
  return {
    async executeQuery<R>(query: CompiledQuery) {
      // Outside of its transaction the statement would see and change everything.
      if (session.committed)
        throw fail('internal', 'NO_TRANSACTION', 'The transaction has ended with a statement before')
      const answer = client.query(query.sql, query.parameters as unknown[])
      if (session.endsAfter > 0 && --session.endsAfter === 0) {
        session.committed = end()
        session.committed.catch(() => {})
      }
      const { command, rowCount, rows } = await answer
      const changes = command === 'INSERT' || command === 'UPDATE' || command === 'DELETE' || command === 'MERGE'
      return { rows: rows as R[], ...(changes && { numAffectedRows: BigInt(rowCount ?? 0) }) }
    },
    streamQuery() {
      throw fail('internal', 'NOT_SUPPORTED', 'Results are read at once, not streamed')
    },
  }
}
