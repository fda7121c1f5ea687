// Vitest's global set-up: opens the pool of servers for the run and closes it, with everything it started, at the end.
import type { TestProject } from 'vitest/node'
import { openPool } from './pool.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the socket where a test file asks for servers; see servers.ts. */
    readonly serverPool: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const pool = await openPool()
  project.provide('serverPool', pool.socket)
  return async () => {
    await pool[Symbol.asyncDispose]()
  }
}
