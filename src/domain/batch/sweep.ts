// What batch jobs leave behind: jobs that ended long ago, and the input of submissions that ended before their job was written down.
import type { Services } from '../ctx.ts'
import { type Sweeping, sweepLeftOvers } from '../left-overs.ts'
import type { BatchRow } from './store.ts'
import { removeFolder } from './submit.ts'

const DELETED_AT_ONCE = 200
const FOLDER = /^(?:tenants\/[^/]+\/)?batch\/batch_[0-9a-z]+(?=\/)/

/** Deletes jobs that ended long ago, objects first: what fails is tried again. @returns how many. */
export async function sweepBatchJobs(services: Services): Promise<number> {
  for (let swept = 0; ; ) {
    const some = await sweepSome(services)
    swept += some
    if (some < DELETED_AT_ONCE) return swept
  }
}

async function sweepSome(services: Services): Promise<number> {
  const { db, clock, settings } = services
  const before = new Date(clock.now().getTime() - settings.batchRetentionMs)
  const old: Pick<BatchRow, 'id' | 'tenant_id' | 'folder'>[] = await db.system((tx) =>
    tx
      .selectFrom('batch_jobs')
      .select(['id', 'tenant_id', 'folder'])
      .where('finished_at', '<', before)
      .limit(DELETED_AT_ONCE)
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
export function sweepBatchFolders(services: Sweeping): Promise<number> {
  return sweepLeftOvers(services, {
    prefixes: ['batch/', 'tenants/'],
    nameOf: (key) => FOLDER.exec(key)?.[0],
    known: async (tx) => (await tx.selectFrom('batch_jobs').select('folder').execute()).map(({ folder }) => folder),
    remove: (folder) => removeFolder(services, folder),
  })
}
