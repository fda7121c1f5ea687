// What batch jobs leave behind: jobs that ended long ago, the input of submissions that ended before their job was written down, and
// the turns of tenants that have no work.
import { sql } from 'kysely'
import type { Services } from '../ctx.ts'
import { type Sweeping, sweepLeftOvers } from '../left-overs.ts'
import type { BatchRow } from './store.ts'
import { removeFolder } from './submit.ts'

const DELETED_AT_ONCE = 200
/** So many are looked at in no time. */
const FEW_TURNS = 200
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

/**
 * Forgets the turns of tenants without open jobs, for a claim may have to look at all there are: only of those that would come first
 * if they came back, as do tenants without a turn. A submission that has found the turn of its tenant is waited for, and others wait: a
 * tenant with work and without a turn would never be served. @returns how many.
 */
export async function sweepTurns({ db }: Pick<Services, 'db'>): Promise<number> {
  return await db.system(async (tx) => {
    const { rows: some } = await sql`select from batch_turns offset ${FEW_TURNS}::integer limit 1`.execute(tx)
    if (some.length === 0) return 0
    await sql`set local lock_timeout = '1s'`.execute(tx)
    await sql`lock table batch_turns in share row exclusive mode`.execute(tx)
    const open = (turn: string) => sql`exists (
      select from batch_jobs j where j.tenant_id = ${sql.ref(`${turn}.tenant_id`)} and j.status in ('queued', 'running'))`
    const { rows } = await sql`
      delete from batch_turns t where not ${open('t')}
        and t.turn < coalesce((select min(o.turn) from batch_turns o where ${open('o')}), 9223372036854775807)
      returning 1`.execute(tx)
    return rows.length
  })
}
