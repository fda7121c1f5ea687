// Deleting what may be very much: some thousand rows a transaction, so that none of them outlasts its time or holds up a writer.
import type { Database, Tx } from '../ports/db/index.ts'

const BITE = 5_000

/** @param remove deletes so many rows at most. @returns how many there were. */
export async function inBites(
  db: Database,
  remove: (tx: Tx, most: number) => Promise<{ readonly numAffectedRows?: bigint | undefined }>,
): Promise<number> {
  for (let removed = 0; ; ) {
    const { numAffectedRows = 0n } = await db.system((tx) => remove(tx, BITE))
    removed += Number(numAffectedRows)
    if (numAffectedRows < BITE) return removed
  }
}
