// When in the week a user is active: what they did, spread a little over neighbouring hours and over the other days, the old
// counting less, shrunk towards their segment, which was shrunk towards everybody (empirical Bayes with a Dirichlet prior).
// The same formula is written as an ONNX graph (graph.ts); this one serves the fit, and users before any model is trained.

export const HOURS = 168
export const DAY_HOURS = 24

/** What may be learned. Hours of the week begin with Sunday, 00:00, in the local time of the user. */
export interface Rhythm {
  /** Share of everybody's activity in each hour; adds up to 1. */
  readonly population: Float64Array
  /** The same for each segment. */
  readonly segments: ReadonlyMap<string, Float64Array>
  /** Active hours of a user that weigh as much as the segment does. */
  readonly strength: number
  /** Days after which an activity counts half; null: always the same. */
  readonly halfLifeDays: number | null
  /** Width of the bell over which an activity is spread around the clock, in hours; 0: not at all. */
  readonly bandwidth: number
  /** Share of an activity that stays on its weekday; the rest goes to the same hour of all days. */
  readonly weekday: number
}

/** Active hours, the newest first. */
export interface History {
  /** Hour of the week of each. */
  readonly hours: ArrayLike<number>
  /** Days ago. */
  readonly ages: ArrayLike<number>
  readonly segment: string
}

export type Spread = Pick<Rhythm, 'bandwidth' | 'weekday'>

/** Row i: over which hours an activity in hour i is spread; each row adds up to 1. */
export function spreadOf({ bandwidth, weekday }: Spread): Float64Array {
  const bell = Float64Array.from({ length: DAY_HOURS }, (_, distance) => {
    const around = Math.min(distance, DAY_HOURS - distance)
    if (bandwidth === 0) return around === 0 ? 1 : 0
    return Math.exp(-(around * around) / (2 * bandwidth * bandwidth))
  })
  const whole = bell.reduce((a, b) => a + b, 0)
  const matrix = new Float64Array(HOURS * HOURS)
  for (let from = 0; from < HOURS; from++) {
    for (let to = 0; to < HOURS; to++) {
      const sameDay = Math.floor(from / DAY_HOURS) === Math.floor(to / DAY_HOURS)
      const day = (1 - weekday) / 7 + (sameDay ? weekday : 0)
      const distance = Math.abs((from % DAY_HOURS) - (to % DAY_HOURS))
      matrix[from * HOURS + to] = (day * bell[distance]!) / whole
    }
  }
  return matrix
}

export function decay(ageDays: number, halfLifeDays: number | null): number {
  return halfLifeDays === null ? 1 : 2 ** (-ageDays / halfLifeDays)
}

export interface Activity {
  /** Share of the user's activity expected in each hour of the week; adds up to 1. */
  readonly hours: Float64Array
  /** Active hours it rests on, the old ones counting less. */
  readonly support: number
  /** Share of it that is the user's own: 0 where nothing is known of them. */
  readonly own: number
}

/** `spread` is `spreadOf(rhythm)`, made once for many users. */
export function activityOf(rhythm: Rhythm, spread: Float64Array, history: History): Activity {
  const { population, segments, strength, halfLifeDays } = rhythm
  const base = segments.get(history.segment) ?? population
  const hours = Float64Array.from(base, (share) => share * strength)
  let support = 0
  for (let i = 0; i < history.hours.length; i++) {
    const weight = decay(history.ages[i]!, halfLifeDays)
    const row = history.hours[i]! * HOURS
    for (let hour = 0; hour < HOURS; hour++) hours[hour]! += weight * spread[row + hour]!
    support += weight
  }
  for (let hour = 0; hour < HOURS; hour++) hours[hour]! /= support + strength
  return { hours, support, own: support / (support + strength) }
}
