// What a user did of late, from the recorded interactions: active hours, messages sent to them, and which of those they opened.
// Kept until the next one is recorded.
import { CHANNELS, type Channel } from '../../contract/notify.ts'
import type { Ctx } from '../../domain/ctx.ts'
import { latestInteractions, summariesOf } from '../../domain/features/index.ts'
import type { ChannelCounts } from './channels.ts'

/** A message that went out to the user; every other interaction is something they did. */
const SENT = 'sent'
const OPENED = 'opened'
/** Active hours that a model looks at. */
export const MOST_HOURS = 64
const HOUR_MS = 3_600_000
const INTERACTIONS = 500
const RECENT_SENDS = 50

export interface Profile extends ChannelCounts {
  /** Moments of activity, one an hour at most, the newest first. */
  readonly activeMs: readonly number[]
  /** Moments of messages, the newest first. */
  readonly sentMs: readonly number[]
}

export interface Seen {
  readonly event: string
  readonly atMs: number
  readonly channel: string | null
}

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

export function summarise(seen: readonly Seen[]): Profile {
  const newest = [...seen].sort((a, b) => b.atMs - a.atMs)
  const activeMs: number[] = []
  const sentMs: number[] = []
  const opens = CHANNELS.map(() => 0)
  const sends = CHANNELS.map(() => 0)
  let last = Number.NaN
  for (const { event, atMs, channel } of newest) {
    const place = CHANNELS.indexOf(channel as Channel)
    if (event === SENT) {
      if (sentMs.length < RECENT_SENDS) sentMs.push(atMs)
      if (place >= 0) sends[place]!++
      continue
    }
    if (event === OPENED && place >= 0) opens[place]!++
    const hour = Math.floor(atMs / HOUR_MS)
    if (hour === last || activeMs.length >= MOST_HOURS) continue
    activeMs.push(atMs)
    last = hour
  }
  // Of opened messages whose sending was never recorded it is known that they were sent.
  return { activeMs, sentMs, opens, sends: sends.map((count, i) => Math.max(count, opens[i]!)) }
}
