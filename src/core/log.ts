// Structured logs: one JSON line per event. Pino underneath; the rest of the code sees only this interface.
import { pino } from 'pino'

export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  child(fields: LogFields): Log
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Field names whose values never reach a log line. */
const SECRET_FIELDS = ['password', 'secret', 'token', 'authorization', 'apiKey', 'serviceKey']

export function createLog(level: LogLevel, fields: LogFields = {}): Log {
  return pino(
    { level, base: fields, redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '***' } },
    pino.destination({ dest: 2, sync: false }),
  )
}

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
}
