// The input of an operation as an HTTP request: the way back through what the service reads with src/http/input.ts.
import type { Operation } from '../contract/operation.ts'
import { fail } from '../core/failure.ts'
import { formOf } from './form.ts'
import type { CallOptions, FileFields } from './types.ts'

export type Fields = Readonly<Record<string, unknown>>

export interface PlainRequest {
  readonly path: string
  readonly init: RequestInit
  /** The body is a stream: what was sent cannot be sent again. */
  readonly once: boolean
}

interface RequestSettings extends CallOptions {
  readonly headers: Readonly<Record<string, string>>
}

export function makeRequest(operation: Operation, input: Fields, settings: RequestSettings): PlainRequest {
  const rest: Record<string, unknown> = { ...input }
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest[name]
    delete rest[name]
    if (value === undefined || value === '')
      throw fail('invalid', 'VALIDATION_ERROR', `Invalid request: ${name}: is required`)
    // Such a part of a path is taken for a step in it, however it is written, and another operation would be asked.
    if (value === '.' || value === '..')
      throw fail('invalid', 'VALIDATION_ERROR', `Invalid request: ${name}: no address can have "${value}" in it`)
    return encodeURIComponent(String(value))
  })
  const query = operation.body === 'query' ? queryOf(rest) : ''
  const { body, headers, once } = bodyOf(operation, rest)
  return {
    path: path + query,
    once,
    init: {
      method: operation.method,
      headers: { ...settings.headers, ...headers, ...ownHeaders(settings) },
      ...(body !== undefined && { body }),
      // Required by the Fetch standard for a streamed body.
      ...(once && { duplex: 'half' }),
    },
  }
}

function ownHeaders({ idempotencyKey, requestId }: CallOptions): Record<string, string> {
  return {
    ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
    ...(requestId !== undefined && { 'x-request-id': requestId }),
  }
}

function queryOf(fields: Fields): string {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  const entries = given.map(([name, value]): [string, string] => [name, String(value)])
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`
}

interface Body {
  readonly body?: RequestInit['body']
  readonly headers: Readonly<Record<string, string>>
  readonly once: boolean
}

const NO_BODY: Body = { headers: {}, once: false }

function bodyOf(operation: Operation, fields: Record<string, unknown>): Body {
  if (operation.body === 'query') return NO_BODY
  const { file, filename, ...rest } = fields as Partial<FileFields> & Record<string, unknown>
  const takesFile = operation.body === 'file' || operation.body === 'fields-or-file'
  if (takesFile && file !== undefined) return formOf(rest, { file, filename })
  const json = operation.body === 'row' ? fields.body : takesFile ? rest : fields
  return { body: JSON.stringify(json), headers: { 'content-type': 'application/json' }, once: false }
}
