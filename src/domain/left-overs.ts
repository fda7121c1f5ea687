// What lies in the store and belongs to nobody: its process died between storing it and writing down whose it is.
import type { Tx } from '../ports/db/index.ts'
import type { Services } from './ctx.ts'

/** Longer than anything takes from its first byte to its row: what is younger may still be on its way. */
const OLD_MS = 24 * 3_600_000

export type Sweeping = Pick<Services, 'db' | 'objects' | 'clock'>

export interface LeftOvers {
  readonly prefixes: readonly string[]
  /** The name of what an object is part of; undefined where it is none of this. */
  readonly nameOf: (key: string) => string | undefined
  /** The names that belong to somebody. */
  readonly known: (tx: Tx) => Promise<readonly string[]>
  /** `key`: of one of its objects. */
  readonly remove: (name: string, key: string) => Promise<void>
}

/** Removes what is a day old and has no owner. @returns how much that was. */
export async function sweepLeftOvers({ db, objects, clock }: Sweeping, of: LeftOvers): Promise<number> {
  const suspects = new Map<string, string>()
  for (const prefix of of.prefixes) {
    for await (const { key } of objects.list(prefix)) {
      const name = of.nameOf(key)
      if (name !== undefined) suspects.set(name, key)
    }
  }
  if (suspects.size === 0) return 0
  for (const name of await db.system(of.known)) suspects.delete(name)
  let swept = 0
  for (const [name, key] of suspects) {
    const stat = await objects.stat(key)
    if (!stat || clock.now().getTime() - stat.modifiedAt.getTime() <= OLD_MS) continue
    await of.remove(name, key)
    swept++
  }
  return swept
}
