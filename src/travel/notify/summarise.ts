// What interactions of a user say of when they are active: active hours, messages sent to them, and which of those they opened.
import { CHANNELS, type Channel } from '../../contract/notify.ts'
import { plainWord } from '../known.ts'
import type { ChannelCounts } from './channels.ts'

/** A message that went out to the user; every other interaction is something they did. */
export const SENT = 'sent'
const OPENED = 'opened'
/** Active hours that a model looks at. */
export const MOST_HOURS = 64
const HOUR_MS = 3_600_000
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

export function summarise(seen: readonly Seen[]): Profile {
  const newest = [...seen].sort((a, b) => b.atMs - a.atMs)
  const activeMs: number[] = []
  const sentMs: number[] = []
  const opens = CHANNELS.map(() => 0)
  const sends = CHANNELS.map(() => 0)
  let last = Number.NaN
  for (const { event, atMs, channel } of newest) {
    const place = CHANNELS.indexOf(plainWord(channel ?? '') as Channel)
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
