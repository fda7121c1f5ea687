// Learning when users are active. Of each user's active hours the last is held out to judge by, and the up to four before it to
// choose the settings by, each foreseen from what came before it. Settings are chosen by log loss, together.
import { LEAST_HOURS } from './enough.ts'
import { decay, HOURS, type Rhythm, type Spread, spreadOf } from './rhythm.ts'
import { MOST_HOURS } from './summarise.ts'

export interface UserHours {
  /** Hour of the week of each active hour, the oldest first. */
  readonly hours: Int16Array
  /** The moment of each, in days. */
  readonly days: Float64Array
  /** '' where there is none. */
  readonly segment: string
}

const HELD_OUT = 1
/** Hours before the held-out one that settings are chosen by, at most; the first of a user is foreseen by nothing. */
const TO_CHOOSE = 4

/** The grid that is searched. */
const HALF_LIVES = [null, 365, 180, 90, 60, 30]
const BANDWIDTHS = [0, 0.6, 0.8, 1.2]
const WEEKDAYS = [0, 0.1, 0.3, 0.6]
/** The last ones leave next to nothing of what a user did: there are worlds in which the past says nothing of the next hour. */
const STRENGTHS = [1, 2, 4, 8, 16, 32, 64, 256, 1024, 8192]
const SEGMENT_STRENGTHS = [20, 100, 500, 2500]
/** Even hours nobody was ever active in happen: everybody's table gets as much of a flat one. */
const FLAT = 20
const SMOOTH: Spread = { bandwidth: 0.6, weekday: 0.9 }
const LEAST_SHARE = 1e-12

/** Users with an hour to be judged by, an hour to choose by, and one to learn from. */
export function judgeable(users: readonly UserHours[]): UserHours[] {
  return users.filter(({ hours }) => hours.length >= LEAST_HOURS)
}

export interface FittedRhythm {
  readonly rhythm: Rhythm
  /** Hours of the segment table that weigh as much as everybody's; null without segments. */
  readonly segmentStrength: number | null
}

/** Knows nothing of the last active hour of any user who has several. */
export function fitRhythm(users: readonly UserHours[]): FittedRhythm {
  const choosing = judgeable(users)
  const before = tablesOf(users, HELD_OUT + TO_CHOOSE)
  const segmentStrength = before.segments.size === 0 ? null : chooseSegmentStrength(before, choosing)
  const settings = chooseSettings(choosing, shrunk(before, segmentStrength))
  return { rhythm: { ...shrunk(tablesOf(users, HELD_OUT), segmentStrength), ...settings }, segmentStrength }
}

/** The same without what each user did, next to nothing of which counts any more. */
export function asEverybody(fitted: FittedRhythm): FittedRhythm {
  return { ...fitted, rhythm: { ...fitted.rhythm, strength: STRENGTHS.at(-1)! } }
}

interface Tables {
  readonly population: Float64Array
  /** Smoothed counts. */
  readonly segments: ReadonlyMap<string, Float64Array>
}

/** What all users did, without the last `heldOut` hours, but with the first of everyone. */
function tablesOf(users: readonly UserHours[], heldOut: number): Tables {
  const spread = spreadOf(SMOOTH)
  const everybody = new Float64Array(HOURS).fill(FLAT / HOURS)
  const segments = new Map<string, Float64Array>()
  for (const { hours, segment } of users) {
    const until = Math.max(1, hours.length - heldOut)
    const own = segment === '' ? undefined : (segments.get(segment) ?? new Float64Array(HOURS))
    if (own) segments.set(segment, own)
    for (let i = 0; i < until; i++) {
      for (let hour = 0; hour < HOURS; hour++) {
        const share = spread[hours[i]! * HOURS + hour]!
        everybody[hour]! += share
        if (own) own[hour]! += share
      }
    }
  }
  const whole = everybody.reduce((a, b) => a + b, 0)
  return { population: everybody.map((count) => count / whole), segments }
}

type Shares = Pick<Rhythm, 'population' | 'segments'>

function shrunk({ population, segments }: Tables, strength: number | null): Shares {
  const shares = [...segments].map(([name, counts]) => {
    const whole = counts.reduce((a, b) => a + b, 0) + strength!
    return [name, counts.map((count, hour) => (count + strength! * population[hour]!) / whole)] as const
  })
  return { population, segments: new Map(shares) }
}

/** By how likely the held-back hours are under the tables alone. */
function chooseSegmentStrength(tables: Tables, users: readonly UserHours[]): number {
  return cheapest(SEGMENT_STRENGTHS, (strength) => {
    const shares = shrunk(tables, strength)
    let loss = 0
    for (const user of users)
      for (const at of placesToChoose(user)) loss -= Math.log(baseOf(shares, user)[user.hours[at]!]!)
    return loss
  })
}

function baseOf({ population, segments }: Shares, { segment }: UserHours): Float64Array {
  return segments.get(segment) ?? population
}

function placesToChoose({ hours }: UserHours): number[] {
  const last = hours.length - HELD_OUT
  const first = Math.max(1, last - TO_CHOOSE)
  return Array.from({ length: last - first }, (_, i) => first + i)
}

type Settings = Omit<Rhythm, 'population' | 'segments'>

function chooseSettings(users: readonly UserHours[], shares: Shares): Settings {
  const grid: Settings[] = []
  for (const bandwidth of BANDWIDTHS)
    for (const weekday of WEEKDAYS)
      for (const halfLifeDays of HALF_LIVES)
        for (const strength of STRENGTHS) grid.push({ bandwidth, weekday, halfLifeDays, strength })
  // Strengths lie side by side in the grid, so what a user did is summed up once for all of them.
  let known: { readonly key: string; readonly seen: readonly Seen[] } | undefined
  return cheapest(grid, (settings) => {
    const key = `${settings.bandwidth} ${settings.weekday} ${settings.halfLifeDays}`
    if (known?.key !== key) known = { key, seen: seenBefore(users, shares, settings) }
    const { strength } = settings
    let loss = 0
    for (const { share, support, base } of known.seen) {
      loss -= Math.log(Math.max(LEAST_SHARE, (share + strength * base) / (support + strength)))
    }
    return loss
  })
}

/** An hour to choose by: what the user's hours before it put on it and put down in all, and what the tables say. */
interface Seen {
  readonly share: number
  readonly support: number
  readonly base: number
}

function seenBefore(users: readonly UserHours[], shares: Shares, settings: Settings): Seen[] {
  const spread = spreadOf(settings)
  return users.flatMap((user) => {
    const { hours, days } = user
    return placesToChoose(user).map((at): Seen => {
      let share = 0
      let support = 0
      for (let j = Math.max(0, at - MOST_HOURS); j < at; j++) {
        const weight = decay(days[at]! - days[j]!, settings.halfLifeDays)
        share += weight * spread[hours[j]! * HOURS + hours[at]!]!
        support += weight
      }
      return { share, support, base: baseOf(shares, user)[hours[at]!]! }
    })
  })
}

/** The first of equals. */
function cheapest<T>(choices: readonly T[], lossOf: (choice: T) => number): T {
  let best = choices[0] as T
  let least = Number.POSITIVE_INFINITY
  for (const choice of choices) {
    const loss = lossOf(choice)
    if (loss >= least) continue
    best = choice
    least = loss
  }
  return best
}
