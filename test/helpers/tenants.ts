// One service for a suite and a tenant of its own for each of its tests, so that no test sees what another one left. What is
// given out stands in for what is there once the suite has begun, so that it can be taken apart at once.
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { type StartOptions, startAppOn, type TestApp } from './app.ts'
import { refusal } from './failing.ts'

export interface TenantSuite {
  readonly app: TestApp
  /** As the tenant of the test that is running. */
  readonly client: MlClient
  /** Writes features of a user, of whatever kind. */
  putUser(id: string, features: Readonly<Record<string, unknown>>): Promise<unknown>
}

/** Call it in a `describe`; tenants are `name1`, `name2`, … */
export function aTenantEach(name: string, database: string, options: StartOptions = {}): TenantSuite {
  let app: TestApp
  let client: MlClient
  let tenants = 0
  beforeAll(async () => {
    app = await startAppOn(database, options)
  })
  afterAll(() => app.stop())
  beforeEach(() => {
    client = app.as(`${name}${++tenants}`)
  })
  return {
    app: standIn(() => app),
    client: standIn(() => client),
    putUser: (entity_id, features) =>
      client.features.put({ entity_type: 'user', entity_id, features: features as never }),
  }
}

function standIn<T extends object>(current: () => T): T {
  return new Proxy({} as T, { get: (_, name) => current()[name as keyof T] })
}

/** The call is refused by the name of this field. */
export async function expectRefusedFor(field: string, call: Promise<unknown>): Promise<void> {
  const refused = await refusal(call)
  expect(refused.kind).toBe('invalid')
  expect(JSON.stringify(refused.details)).toContain(`"field":"${field}"`)
}
