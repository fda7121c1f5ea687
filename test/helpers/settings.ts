// Services that a test starts through the library or the command line read the environment. What stands there is meant for
// the test servers, not for them: it is put aside until the file has ended.
import { afterAll, beforeAll } from 'vitest'
import { ConfigSchema, envName } from '../../src/config.ts'

const NAMES = [...Object.keys(ConfigSchema.properties).map(envName), 'ML_SERVICE_PORT', 'ARTIFACTS_DIR']

export function withoutSettings(): void {
  const kept = new Map<string, string>()
  beforeAll(() => {
    for (const name of NAMES) {
      const value = process.env[name]
      if (value !== undefined) kept.set(name, value)
      delete process.env[name]
    }
  })
  afterAll(() => {
    for (const [name, value] of kept) process.env[name] = value
  })
}
