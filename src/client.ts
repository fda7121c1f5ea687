// The typed client: one method an operation, made from the same table the service is made from, so the two cannot differ.
// It needs only `fetch` and runs in Node.js and in browsers. Failures are thrown as the MlError the service made.

import { call, type Settings } from './client/call.ts'
import { patientFetch } from './client/patient-fetch.ts'
import type { CallOptions, ClientOptions, MlClient } from './client/types.ts'
import { type OperationName, operations } from './contract/operations/index.ts'

export type {
  CallOptions,
  ClientInput,
  ClientOptions,
  ClientOutput,
  Downloaded,
  FileSource,
  MlClient,
} from './client/types.ts'
export type { FailureKind, FieldError } from './core/failure.ts'
export { MlError } from './core/failure.ts'

const DEFAULT_TIMEOUT_MS = 60_000
const DEFAULT_RETRIES = 2

/**
 * `client.models.train({…})`, `client.inference({…})`: named as in the operations table, with the input of the table.
 *
 * Transport failures, 429 and 503 are retried (queries, and commands that honour `Idempotency-Key`); `Retry-After` is kept.
 * Errors: `MlError` with the kind, code and details of the service; `SERVICE_UNREACHABLE` and `TIMEOUT` are the client's own.
 */
export function createClient(options: ClientOptions): MlClient {
  const settings: Settings = {
    baseUrl: options.baseUrl.replace(/\/+$/, ''),
    headers: { ...(options.tenantId !== undefined && { 'x-tenant-id': options.tenantId }), ...options.headers },
    fetch: options.fetch ?? patientFetch,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    retries: options.retries ?? DEFAULT_RETRIES,
  }
  const client: Record<string, unknown> = {}
  for (const name of Object.keys(operations) as OperationName[]) {
    const method = (input: Readonly<Record<string, unknown>> = {}, options: CallOptions = {}) =>
      call(name, input, { ...settings, ...options, headers: { ...settings.headers, ...options.headers } })
    const [noun, verb] = name.split('.') as [string, string?]
    if (verb === undefined) client[noun] = method
    else client[noun] = { ...(client[noun] as object | undefined), [verb]: method }
  }
  return client as unknown as MlClient
}
