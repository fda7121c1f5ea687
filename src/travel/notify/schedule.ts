// The hour to send in: of the hours allowed until the deadline the one in which the user is most active, the earliest of equals.
// Quiet hours are kept in any case and the daily cap for all that is not urgent; where they leave nothing before the deadline,
// the first moment they allow.
import type { Urgency } from '../../contract/notify.ts'
import { hourOfWeek, type LocalClock, type LocalHour } from './local-time.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Milliseconds until it should be sent. */
const DEADLINE_MS: Readonly<Record<Urgency, number>> = { high: 0, medium: DAY_MS, low: 7 * DAY_MS }
/** Messages to one user within 24 hours. */
export const DAILY_CAP = 4
/** Quiet hours and cap can hold a message back for two days at most: a day for the cap, one for the quiet hours behind it. */
const LATEST_MS = 3 * DAY_MS

/** Hours of the day: from `from` on until `to`, over midnight where `to` is less. */
export interface QuietHours {
  readonly from: number
  readonly to: number
}

export interface Wish {
  readonly nowMs: number
  readonly urgency: Urgency
  readonly clock: LocalClock
  /** Undefined: any hour will do. */
  readonly quiet: QuietHours | undefined
  /** Moments of messages sent to the user of late. */
  readonly sentMs: readonly number[]
  /** By hour of the week. */
  readonly activity: ArrayLike<number>
}

export interface Chosen {
  readonly atMs: number
  readonly local: LocalHour
  /** Messages within the last 24 hours, where they made it wait. */
  readonly capped: number | undefined
  /** Quiet hours held it back beyond the deadline. */
  readonly held: boolean
}

export function chooseTime(wish: Wish): Chosen {
  const { nowMs, urgency, clock, quiet, activity } = wish
  const capped = urgency === 'high' ? undefined : capUntil(wish)
  const earliest = capped?.untilMs ?? nowMs
  const deadline = nowMs + DEADLINE_MS[urgency]
  let best: { readonly atMs: number; readonly local: LocalHour } | undefined
  let highest = -1
  for (let atMs = earliest; atMs <= deadline || (!best && atMs <= deadline + LATEST_MS); ) {
    const local = clock.at(atMs)
    const share = activity[hourOfWeek(local)]!
    if (!isQuiet(quiet, local.hour) && share > highest) {
      best = { atMs, local }
      highest = share
    }
    atMs += (60 - local.minute) * 60_000 - (atMs % 60_000)
  }
  const found = best ?? { atMs: earliest, local: clock.at(earliest) }
  return { ...found, capped: capped?.count, held: found.atMs > Math.max(deadline, earliest) }
}

function isQuiet(quiet: QuietHours | undefined, hour: number): boolean {
  if (!quiet) return false
  const { from, to } = quiet
  return from <= to ? hour >= from && hour < to : hour >= from || hour < to
}

function capUntil({ nowMs, sentMs }: Wish): { readonly untilMs: number; readonly count: number } | undefined {
  const recent = sentMs.filter((ms) => ms > nowMs - DAY_MS && ms <= nowMs).sort((a, b) => b - a)
  const oldest = recent[DAILY_CAP - 1]
  return oldest === undefined ? undefined : { untilMs: oldest + DAY_MS, count: recent.length }
}
