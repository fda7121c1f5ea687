// Where a batch job keeps its things, and how much of everything it may have.
import { tenantRoot } from '../../core/tenant-root.ts'

/** Jobs of one tenant that have not ended. */
export const MAX_OPEN_JOBS = 1000
/** A chunk ends with the row that reaches this: it is held in memory while it is worked on. */
export const CHUNK_BYTES = 16 * 1024 * 1024
/** Failures of one chunk before its job is given up. */
export const MAX_FAILURES = 10
/** Workers that may die over one chunk. From the first on it is worked on alone, so a death is seldom another's fault. */
export const MAX_DEATHS = 5
/** The same where something else was away or busy, which is not the fault of the job: about four hours. */
export const MAX_OUTAGES = 500
export const MAX_ROW_ERRORS = 100

/** `uid` is the service's own: two tenants' jobs, or one deleted and submitted again, may share an id. */
export function jobFolder(tenantId: string, uid: string): string {
  return `${tenantRoot(tenantId)}batch/${uid}`
}

/** Where a tenant's own files for `input_prefix` lie. */
export function inboxPrefix(tenantId: string, prefix: string): string {
  return `${tenantRoot(tenantId)}batch-input/${prefix}`
}

/** The attempt is part of the name: what a worker writes after losing its claim lies beside the result, not over it. */
export function partKey(folder: string, index: number, attempt: number): string {
  return `${folder}/parts/${String(index).padStart(6, '0')}-${attempt}.jsonl`
}

export function manifestKey(folder: string): string {
  return `${folder}/manifest.json`
}

/** Pause before a chunk that failed is tried again, in seconds. */
export function retrySeconds(failures: number): number {
  return Math.min(30, 0.2 * 2 ** failures)
}
