// What batch jobs leave behind: jobs that ended long ago, and the input of submissions that ended before their job was written down.
import type { Services } from '../ctx.ts'
import type { BatchRow } from './store.ts'
import { removeFolder } from './submit.ts'

const DELETED_A_SWEEP = 200
/** Longer than any submission takes: a younger folder may still be on its way to its job. */
const OLD_MS = 24 * 3_600_000
const FOLDER = /^(?:tenants\/[^/]+\/)?batch\/batch_[0-9a-z]+(?=\/)/

/** Deletes jobs that ended long ago, objects first: what fails is tried again. @returns how many. */
export async function sweepBatchJobs(services: Services): Promise<number> {
  const { db, clock, settings } = services
  const before = new Date(clock.now().getTime() - settings.batchRetentionMs)
  const old: Pick<BatchRow, 'id' | 'tenant_id' | 'folder'>[] = await db.system((tx) =>
    tx
      .selectFrom('batch_jobs')
      .select(['id', 'tenant_id', 'folder'])
      .where('finished_at', '<', before)
      .limit(DELETED_A_SWEEP)
      .execute(),
  )
  for (const { id, tenant_id, folder } of old) {
    await removeFolder(services, folder)
    await db.system((tx) =>
      tx
        .deleteFrom('batch_jobs')
        .where('tenant_id', '=', tenant_id)
        .where('id', '=', id)
        .where('folder', '=', folder)
        .execute(),
    )
  }
  return old.length
}

/** Deletes the folders of no job. @returns how many there were. */
export async function sweepBatchFolders(services: Pick<Services, 'db' | 'objects' | 'clock'>): Promise<number> {
  const { db, objects, clock } = services
  /** One of the objects of each. */
  const suspects = new Map<string, string>()
  for (const prefix of ['batch/', 'tenants/']) {
    for await (const { key } of objects.list(prefix)) {
      const folder = FOLDER.exec(key)?.[0]
      if (folder !== undefined) suspects.set(folder, key)
    }
  }
  if (suspects.size === 0) return 0
  const known = await db.system((tx) => tx.selectFrom('batch_jobs').select('folder').execute())
  for (const { folder } of known) suspects.delete(folder)
  let swept = 0
  for (const [folder, key] of suspects) {
    const stat = await objects.stat(key)
    if (!stat || clock.now().getTime() - stat.modifiedAt.getTime() <= OLD_MS) continue
    await removeFolder(services, folder)
    swept++
  }
  return swept
}
