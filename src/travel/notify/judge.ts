// How well a send-time model file foresees the last active hour of users from what they did before. Run on the file itself, so
// that the figures are those of what is served; a champion of before answers the same users.
import { openSession } from '../../runtime/in-process.ts'
import { feedsOf, type UserInput } from './feeds.ts'
import type { UserHours } from './fit.ts'
import { DAY_HOURS, HOURS } from './rhythm.ts'
import { MOST_HOURS } from './summarise.ts'

const ROWS_A_RUN = 256
const TOP = 3
const LEAST_SHARE = 1e-12

export interface Figures {
  /** Of the hour of the week. */
  readonly log_loss: number
  /** Share of users whose hour of the day was among the three likeliest. */
  readonly top3_hour_hit: number
}

/** A user as they were just before their last active hour. */
export function beforeLast({ hours, days, segment }: UserHours): UserInput {
  const last = hours.length - 1
  const count = Math.min(MOST_HOURS, last)
  return {
    hours: Array.from({ length: count }, (_, i) => hours[last - 1 - i]!),
    ages: Array.from({ length: count }, (_, i) => days[last]! - days[last - 1 - i]!),
    segment,
    opens: [0, 0, 0],
    sends: [0, 0, 0],
  }
}

/** Somebody nothing is known of: what everybody is answered. */
export function asNobody(): UserInput {
  return { hours: [], ages: [], segment: '', opens: [0, 0, 0], sends: [0, 0, 0] }
}

export async function judgeFile(file: Uint8Array, users: readonly UserHours[]): Promise<Figures> {
  return figuresOf(await judgements(file, users, beforeLast))
}

/** What the file said of one user's last active hour. */
export interface Judgement {
  readonly loss: number
  readonly hit: boolean
}

/** `as`: what the file is told of each user. */
export async function judgements(
  file: Uint8Array,
  users: readonly UserHours[],
  as: (user: UserHours) => UserInput,
): Promise<Judgement[]> {
  const session = await openSession(file)
  const found: Judgement[] = []
  try {
    for (let from = 0; from < users.length; from += ROWS_A_RUN) {
      const some = users.slice(from, from + ROWS_A_RUN)
      const { outputs } = await session.run(feedsOf(some.map(as)), { fetches: ['activity'] })
      const activity = outputs.activity!.data as Float32Array
      for (const [row, { hours }] of some.entries()) {
        const own = activity.subarray(row * HOURS, (row + 1) * HOURS)
        const last = hours[hours.length - 1]!
        const loss = -Math.log(Math.max(LEAST_SHARE, own[last]!))
        found.push({ loss, hit: topHours(own).includes(last % DAY_HOURS) })
      }
    }
  } finally {
    await session.close()
  }
  return found
}

export function figuresOf(judged: readonly Judgement[]): Figures {
  const mean = (of: (one: Judgement) => number) => judged.reduce((sum, one) => sum + of(one), 0) / judged.length
  return { log_loss: mean(({ loss }) => loss), top3_hour_hit: mean(({ hit }) => Number(hit)) }
}

/** The likeliest hours of the day, whichever day it is. */
export function topHours(activity: ArrayLike<number>): number[] {
  const day = new Float64Array(DAY_HOURS)
  for (let hour = 0; hour < HOURS; hour++) day[hour % DAY_HOURS]! += activity[hour]!
  return [...day.keys()].sort((a, b) => day[b]! - day[a]! || a - b).slice(0, TOP)
}
