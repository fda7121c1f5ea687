// Database errors in our words. Only errors after which a retry makes sense, and text that no column can hold, are
// translated; a unique violation stays as it is, because only the verb that caused it knows which conflict it means.
import { fail, MlError } from '../../core/failure.ts'

interface SqlError extends Error {
  readonly code: string
  readonly constraint?: string
}

/** SQLSTATE codes and classes that mean "not now" rather than "not like that". */
const BUSY = new Set(['40001', '40P01', '55P03'])
const TIMED_OUT = new Set(['57014', '25P03', '25P04'])
const AWAY = new Set(['57P01', '57P02', '57P03', '57P05', '53300'])
/** Text with a NUL in it: PostgreSQL has no room for that character, in a value as little as in a comparison. */
const UNSTORABLE = new Set(['22021', '22P05'])
const SOCKET_CODE = /^(ECONN|EHOST|ENET|ENOTFOUND|EAI_|ETIMEDOUT|EPIPE|ENOENT$|EACCES$)/
const LOST_MESSAGE =
  /connection terminated|timeout exceeded when trying to connect|connection error and is not queryable/i

export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return isSqlError(error) && error.code === '23505' && (constraint === undefined || error.constraint === constraint)
}

/** The error as a failure where its code alone says what it means to the caller, else the error itself. */
export function translateError(error: unknown): unknown {
  if (error instanceof MlError || !(error instanceof Error)) return error
  const code = isSqlError(error) ? error.code : ''
  if (UNSTORABLE.has(code)) {
    return fail('invalid', 'TEXT_INVALID', 'Text must not hold the character U+0000', { cause: error })
  }
  if (BUSY.has(code)) return unavailable('DATABASE_BUSY', 'The database is busy with a conflicting change', error)
  if (TIMED_OUT.has(code)) return unavailable('DATABASE_TIMEOUT', 'The database took too long to answer', error)
  if (isConnectionError(error)) return unavailable('DATABASE_UNAVAILABLE', 'The database cannot be reached', error)
  return error
}

/** Whether the error says that the database, rather than the statement, is at fault. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = isSqlError(error) ? error.code : ''
  return AWAY.has(code) || code.startsWith('08') || SOCKET_CODE.test(code) || LOST_MESSAGE.test(error.message)
}

export function isSqlError(error: unknown): error is SqlError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}

function unavailable(code: string, message: string, cause: Error): MlError {
  return fail('unavailable', code, message, { cause, retryAfterSeconds: 1 })
}
