import { expect, it } from 'vitest'
import type { Dispatch } from '../core/caller.ts'
import { systemClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import { createEndpoints } from './endpoints.ts'

it('who asks, and for whom, is read from the headers that HTTP has', async () => {
  const seen: unknown[] = []
  const endpoints = createEndpoints({
    dispatch: (async () => ({})) as unknown as Dispatch,
    authenticate: (headers, requestId) => {
      seen.push(headers)
      return { tenantId: 'acme', requestId, actor: 'anonymous', permissions: new Set() }
    },
    clock: systemClock,
    log: silentLog,
    timeoutMs: 1000,
  })
  const sent = new Map([
    ['X-Tenant-ID', 'acme'],
    ['Authorization', 'Bearer key'],
    ['X-Sticky-Key', 'user-1'],
    ['Other', 'other'],
  ])
  await endpoints[0]!.answer({
    data: new Uint8Array(),
    header: (name) => sent.get(name),
    maxReplyBytes: 1000,
    keep: () => Promise.reject(new Error('small')),
  })
  expect(seen).toEqual([{ 'x-tenant-id': 'acme', authorization: 'Bearer key', 'x-sticky-key': 'user-1' }])
})
