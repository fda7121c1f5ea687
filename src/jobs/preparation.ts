// Lets a new embedded database hold the queue's tables, which take a second to make. The process that makes databases imports this
// module by its address.
import type { Database } from '../ports/db/index.ts'
import type { Preparation } from '../ports/db/open.ts'
import { PREPARATION_KEY } from './queues.ts'

export const queuePreparation: Preparation = { key: PREPARATION_KEY, module: import.meta.url }

export async function prepare(db: Database): Promise<void> {
  // Imported late, because every start imports this module.
  const { createEngine } = await import('./queue-engine.ts')
  const engine = createEngine(db, () => {})
  await engine.start()
  await engine.stop()
}
