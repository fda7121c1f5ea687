// A service behind the HTTP face for its tests: dispatch records what it was asked and answers what the test says.
// Everything in front of it is the real thing.
import type { AddressInfo } from 'node:net'
import type { OperationName } from '../src/contract/operations/index.ts'
import type { Call, Dispatch } from '../src/core/caller.ts'
import { fail } from '../src/core/failure.ts'
import { type Log, type LogFields, silentLog } from '../src/core/log.ts'
import { createMetrics } from '../src/core/metrics.ts'
import { createHttpApp, type HttpOptions } from '../src/http/app.ts'

interface Asked {
  readonly name: OperationName
  readonly input: unknown
  readonly call: Call
}

export type Answer = (asked: Asked) => unknown

interface LogLine {
  readonly fields: LogFields
  readonly message: string
}

/** An app whose operations all answer with `answer`; `await using` closes it. */
export async function startDouble(answer: Answer, options: Partial<HttpOptions> = {}) {
  const asked: Asked[] = []
  const errors: LogLine[] = []
  const log: Log = { ...silentLog, error: (fields, message) => errors.push({ fields, message }) }
  const metrics = createMetrics()
  const app = createHttpApp({
    dispatch: (async (name: OperationName, input: unknown, call: Call) => {
      const one = { name, input, call }
      asked.push(one)
      return answer(one)
    }) as Dispatch,
    authenticate: (headers, requestId) => {
      if (headers['x-tenant-id'] === 'nobody') throw fail('unauthenticated', 'NO_CREDENTIALS', 'Say who you are')
      const tenantId = String(headers['x-tenant-id'] ?? 'default')
      return {
        tenantId,
        requestId,
        actor: 'anonymous',
        permissions: new Set(['read', 'write', 'predict', 'service'] as const),
      }
    },
    metrics,
    log,
    openapi: { openapi: '3.1.1' },
    ...options,
  })
  await app.ready()
  return {
    app,
    asked,
    errors,
    metrics,
    /** Opens a port; returns the address. */
    listen: async () => {
      await app.listen({ host: '127.0.0.1', port: 0 })
      return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
    },
    [Symbol.asyncDispose]: () => app.close(),
  }
}
