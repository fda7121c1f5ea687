// The file CURRENT names the version that is live in production, for readers without a database. The database decides;
// the file follows. A crash between the two is mended by the next call, on whichever replica makes it.
import type { Log } from '../../core/log.ts'
import type { Services } from '../ctx.ts'
import { currentKey } from './policy.ts'

const AT_A_TIME = 100

/** Rewrites every CURRENT that does not name the live version. Fails quietly per model: the next call tries again. */
export async function syncPointers({ db, objects, log }: Pick<Services, 'db' | 'objects' | 'log'>): Promise<number> {
  const stale = await db.system((tx) =>
    tx
      .selectFrom('live_versions')
      .select(['tenant_id', 'model_id', 'version'])
      .where('environment', '=', 'production')
      .whereRef('pointer_version', 'is distinct from', 'version')
      .orderBy('updated_at')
      .limit(AT_A_TIME)
      .execute(),
  )
  let written = 0
  for (const row of stale) {
    if (await writePointer({ db, objects, log }, row)) written++
  }
  return written
}

interface Pointer {
  readonly tenant_id: string
  readonly model_id: string
  readonly version: string
}

async function writePointer(
  { db, objects, log }: { db: Services['db']; objects: Services['objects']; log: Log },
  pointer: Pointer,
): Promise<boolean> {
  const key = currentKey(pointer.tenant_id, pointer.model_id)
  try {
    await objects.put(key, Buffer.from(`${pointer.version}\n`))
  } catch (error) {
    log.warn({ err: error, model_id: pointer.model_id }, 'CURRENT could not be written; it will be tried again')
    return false
  }
  // Two replicas may write at once. Each looks again after its write and, if the version has moved on, marks the file as
  // stale, so that the last word on the file is always written after the last change of the row.
  const { numUpdatedRows } = await db.system((tx) =>
    tx
      .updateTable('live_versions')
      .set((eb) => ({
        pointer_version: eb.case().when('version', '=', pointer.version).then(pointer.version).else(null).end(),
      }))
      .where('model_id', '=', pointer.model_id)
      .where('environment', '=', 'production')
      .executeTakeFirst(),
  )
  if (numUpdatedRows > 0n) return true
  // The model was deleted meanwhile, with all its files but this one.
  await objects.delete([key])
  return false
}
