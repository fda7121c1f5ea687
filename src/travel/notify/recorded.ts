// What a tenant has recorded, as the active hours of users and what they opened.
import type { Known } from '../known.ts'
import type { Records } from '../records.ts'
import type { ChannelCounts } from './channels.ts'
import type { UserHours } from './fit.ts'
import { hourOfWeek, localClock } from './local-time.ts'
import { type Seen, summarise } from './summarise.ts'

const DAY_MS = 86_400_000
/** More say nothing new about everybody; the first by id are as good as any. */
const MOST_USERS = 50_000
const SEEN_A_USER = 500

export type RecordedUser = UserHours & ChannelCounts

/** Every user with at least one active hour, in their local time. */
export async function recordedUsers(records: Records): Promise<RecordedUser[]> {
  const seen = new Map<string, Seen[]>()
  for await (const page of records.interactions()) {
    for (const { userId, ...one } of page) {
      const known = seen.get(userId)
      if (known) {
        known.push(one)
        if (known.length > 2 * SEEN_A_USER) seen.set(userId, newestOf(known))
      } else if (seen.size < MOST_USERS) seen.set(userId, [one])
    }
  }
  const said = new Map<string, Known>()
  for await (const page of records.entities('user')) {
    for (const { entity_id, features } of page) if (seen.has(entity_id)) said.set(entity_id, features)
  }
  return [...seen].flatMap(([userId, interactions]) => {
    const { activeMs, opens, sends } = summarise(newestOf(interactions))
    if (activeMs.length === 0) return []
    const { timezone, segment } = said.get(userId) ?? {}
    const clock = localClock(textOf(timezone))
    const oldestFirst = Float64Array.from(activeMs).reverse()
    return [
      {
        hours: Int16Array.from(oldestFirst, (ms) => hourOfWeek(clock.at(ms))),
        days: oldestFirst.map((ms) => ms / DAY_MS),
        segment: textOf(segment),
        opens,
        sends,
      },
    ]
  })
}

/** By when they happened, as a request reads them: what is long ago may be recorded last. */
function newestOf(interactions: readonly Seen[]): Seen[] {
  return interactions.toSorted((a, b) => b.atMs - a.atMs).slice(0, SEEN_A_USER)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
