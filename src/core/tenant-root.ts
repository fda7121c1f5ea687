// Where a tenant's things lie in the object store: tenant `default` owns the top, the others a folder each (API.md §12).
import { DEFAULT_TENANT } from '../contract/schema.ts'

/** Stands before names that begin with a dot, which no part of a key may; no tenant has it in its name. */
const HIDDEN = '~'

/** Empty, or ending in "/". */
export function tenantRoot(tenantId: string): string {
  if (tenantId === DEFAULT_TENANT) return ''
  return `tenants/${tenantId.startsWith('.') ? HIDDEN : ''}${tenantId}/`
}

/** The tenant of a folder under `tenants/`. */
export function tenantOf(folder: string): string {
  return folder.startsWith(HIDDEN) ? folder.slice(HIDDEN.length) : folder
}
