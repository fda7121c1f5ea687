// How a test file gets its servers. A missing server is an error in CI; elsewhere it comes back undefined with the reason
// printed, and the suite that needs it skips itself: `describe.skipIf(!redis)`.
import { inject } from 'vitest'
import type { ServerName, ServerPlaces } from './find.ts'
import { askPool } from './pool.ts'
import './setup.ts'

export type Servers<Name extends ServerName> = { readonly [Key in Name]: ServerPlaces[Key] | undefined }

/** `const { postgres, redis } = await servers('postgres', 'redis')`, at the top of a test file. */
export async function servers<Name extends ServerName>(...names: readonly Name[]): Promise<Servers<Name>> {
  const socket = inject('serverPool')
  const answers = await Promise.all(
    names.map(async (name) => {
      const { place, missing } = await askPool(socket, name)
      if (missing !== undefined) complain(missing)
      return [name, place] as const
    }),
  )
  return Object.fromEntries(answers) as Servers<Name>
}

function complain(reason: string): void {
  const ci = process.env.CI
  if (ci && ci !== 'false' && ci !== '0') throw new Error(reason)
  process.stderr.write(`Skipped: ${reason}\n`)
}
