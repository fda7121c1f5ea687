// What a user did of late, from the recorded interactions, kept until the next one is recorded.
import type { Ctx } from '../../domain/ctx.ts'
import { latestInteractions, summariesOf } from '../../domain/features/index.ts'
import { type Profile, summarise } from './summarise.ts'

const INTERACTIONS = 500

/** As of the last interaction that was recorded. */
export async function profileOf(ctx: Ctx, userId: string): Promise<Profile> {
  const [profile] = await summariesOf(ctx, [userId], {
    name: 'activity',
    make: (ctx, ids) =>
      Promise.all(
        ids.map(async (id) => {
          const latest = await latestInteractions(ctx, id, INTERACTIONS)
          return summarise(latest.map(({ event, at, channel }) => ({ event, atMs: at.getTime(), channel })))
        }),
      ),
  })
  return profile!
}
