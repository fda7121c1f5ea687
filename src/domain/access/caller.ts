// Who is calling. Without authentication the tenant header is trusted and everything is permitted (API.md §1).
import type { Permission } from '../../contract/operation.ts'
import { DEFAULT_TENANT, TenantId } from '../../contract/schema.ts'
import type { Caller } from '../../core/caller.ts'
import { compileCheck } from '../../core/check.ts'
import { type FieldError, fail, invalid } from '../../core/failure.ts'

const EVERYTHING: ReadonlySet<Permission> = new Set(['read', 'write', 'predict', 'service'])
const checkTenant = compileCheck(TenantId, { at: 'X-Tenant-ID' })

export interface RequestIdentity {
  /** Value of X-Tenant-ID, where there is one. */
  readonly tenantId: string | undefined
  readonly requestId: string
  /** Value of X-Sticky-Key, where there is one. */
  readonly stickyKey?: string | undefined
}

/** @throws `invalid` when the tenant id breaks its pattern. */
export function anonymousCaller({ tenantId, requestId, stickyKey }: RequestIdentity): Caller {
  const tenant = tenantId ?? DEFAULT_TENANT
  const problems = tenant === DEFAULT_TENANT ? [] : tenantProblems(tenant)
  if (problems.length > 0) throw invalid('tenant', problems, 'TENANT_INVALID')
  const caller = { tenantId: tenant, requestId, actor: 'anonymous', permissions: EVERYTHING }
  return stickyKey === undefined || stickyKey === '' ? caller : { ...caller, stickyKey }
}

/** `.` and `..` keep the pattern, but a folder of that name (API.md §12) would be another tenant's. */
function tenantProblems(tenant: string): readonly FieldError[] {
  if (tenant !== '.' && tenant !== '..') return checkTenant(tenant)
  return [{ field: 'X-Tenant-ID', message: 'must not be "." or ".."', value: tenant }]
}

export function requirePermission(caller: Caller, permission: Permission): void {
  if (!caller.permissions.has(permission)) {
    throw fail('forbidden', 'PERMISSION_DENIED', `"${caller.actor}" lacks the permission "${permission}"`)
  }
}
