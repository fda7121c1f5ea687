// Uploads whose process died between storing the bytes and writing the row leave a file that nothing refers to.
import type { Services } from '../ctx.ts'

/** Longer than any upload takes: a younger file may still be on its way to its row. */
const OLD_MS = 24 * 3_600_000

/** Deletes such files. @returns how many there were. */
export async function sweepUploads({
  db,
  objects,
  clock,
}: Pick<Services, 'db' | 'objects' | 'clock'>): Promise<number> {
  const suspects = new Map<string, string>()
  for (const prefix of ['datasets/', 'tenants/']) {
    for await (const { key } of objects.list(prefix)) {
      const id = /(?:^|\/)datasets\/(dataset_[0-9a-z]+)\/data$/.exec(key)?.[1]
      if (id !== undefined) suspects.set(id, key)
    }
  }
  if (suspects.size === 0) return 0
  const known = await db.system((tx) => tx.selectFrom('datasets').select('id').execute())
  for (const { id } of known) suspects.delete(id)
  const old: string[] = []
  for (const key of suspects.values()) {
    const stat = await objects.stat(key)
    if (stat && clock.now().getTime() - stat.modifiedAt.getTime() > OLD_MS) old.push(key)
  }
  await objects.delete(old)
  return old.length
}
