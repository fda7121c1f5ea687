// What this code knows about a running transaction beyond Kysely: the role it acts under and whom to wake afterwards.
import { fail } from '../../core/failure.ts'
import type { Tx, WakeChannel } from './index.ts'

export interface Session {
  role: 'tenant' | 'system'
  readonly wakes: Set<WakeChannel>
}

const sessions = new WeakMap<Tx, Session>()

export function startSession(tx: Tx, role: Session['role']): Session {
  const session: Session = { role, wakes: new Set() }
  sessions.set(tx, session)
  return session
}

export function endSession(tx: Tx): void {
  sessions.delete(tx)
}

export function sessionOf(tx: Tx): Session {
  const session = sessions.get(tx)
  if (session === undefined) throw fail('internal', 'NO_TRANSACTION', 'This is not a transaction that is still running')
  return session
}
