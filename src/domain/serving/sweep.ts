// Predictions are written down for as long as their outcomes may come, and not for ever: there are more of them than of anything else.
import { sql } from 'kysely'
import { firstIdAt } from '../../core/ids.ts'
import type { Services } from '../ctx.ts'
import { inBites } from '../in-bites.ts'

/** Deletes those that are old, with their outcomes. @returns how many. */
export function sweepPredictions({ db, clock, settings }: Services): Promise<number> {
  // By their ids, which are in the order of time and have an index that needs no tenant.
  const end = firstIdAt('pred', clock.now().getTime() - settings.predictionRetentionMs)
  return inBites(db, (tx, most) =>
    sql`delete from predictions where id = any (array(
      select id from predictions where id < ${end} order by id limit ${most}))`.execute(tx),
  )
}
