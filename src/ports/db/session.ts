// What this code knows about a running transaction beyond Kysely: the role it acts under and whom to wake afterwards.
import { fail } from '../../core/failure.ts'
import type { Tx, WakeChannel } from './index.ts'

export interface Session {
  role: 'tenant' | 'system'
  readonly wakes: Set<WakeChannel>
  /** COMMIT goes right behind this many more statements; 0: nobody said so. */
  endsAfter: number
  /** Once it has gone; never rejects unheard. */
  committed: Promise<void> | undefined
}

const sessions = new WeakMap<Tx, Session>()

export function newSession(role: Session['role']): Session {
  return { role, wakes: new Set(), endsAfter: 0, committed: undefined }
}

export function startSession(tx: Tx, session: Session): void {
  sessions.set(tx, session)
}

export function endSession(tx: Tx): void {
  sessions.delete(tx)
}

export function sessionOf(tx: Tx): Session {
  const session = sessions.get(tx)
  if (session === undefined) throw fail('internal', 'NO_TRANSACTION', 'This is not a transaction that is still running')
  return session
}
