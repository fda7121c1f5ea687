import { describe, expect, it } from 'vitest'
import { anonymousCaller, requirePermission } from './caller.ts'

const callerOf = (tenantId: string | undefined) => anonymousCaller({ tenantId, requestId: 'req_1' })

describe('a caller without credentials', () => {
  it('belongs to the default tenant unless a header says otherwise', () => {
    expect(callerOf(undefined).tenantId).toBe('default')
    expect(callerOf('acme').tenantId).toBe('acme')
  })

  it.each(['a', 'A-1_b.c', 'x'.repeat(64), '..a', 'default'])('may be of tenant %s', (tenant) => {
    expect(callerOf(tenant).tenantId).toBe(tenant)
  })

  it.each(['', 'a b', 'a/b', '../x', 'x'.repeat(65), 'ä', 'a\n', 'a,b', '.', '..'])(
    'is refused as tenant %j',
    (tenant) => {
      expect(() => callerOf(tenant)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'TENANT_INVALID' }))
    },
  )

  it('may do everything', () => {
    for (const permission of ['read', 'write', 'predict', 'service'] as const)
      expect(() => requirePermission(callerOf('acme'), permission)).not.toThrow()
  })
})

describe('a permission', () => {
  it('that is lacking is named', () => {
    const reader = { ...callerOf('acme'), actor: 'reader', permissions: new Set(['read'] as const) }
    expect(() => requirePermission(reader, 'write')).toThrow(
      expect.objectContaining({ kind: 'forbidden', message: '"reader" lacks the permission "write"' }),
    )
  })
})
