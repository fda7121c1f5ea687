// Send-time on made populations the settings were not chosen on: is the hour of the last activity among the three likeliest, known
// only the earlier ones, and how does that compare with the answer that is the same for all, of users with little history too?
//   node bench/quality/travel-notify-worlds.ts
// Writes bench/results/quality-travel-notify-worlds.json; ends with 1 where users with little history are worse off than with the same
// answer for all by more than twice the standard error.
import { type Random, seededRandom } from '../../src/core/random.ts'
import { fitRhythm, judgeable, type UserHours } from '../../src/travel/notify/fit.ts'
import { topHours } from '../../src/travel/notify/judge.ts'
import { activityOf, spreadOf } from '../../src/travel/notify/rhythm.ts'
import { writeResult } from '../result.ts'

const USERS = 1500
const FEW = 4
const SPAN_DAYS = 180

interface Habit {
  /** Draws an hour of the day on that day of the week. */
  readonly hour: (random: Random, weekday: number, day: number) => number
  readonly segment: string
}

const around = (random: Random, hour: number, width: number) =>
  ((Math.round(hour + width * random.normal()) % 24) + 24) % 24

/** By name: what a new user is like. */
const WORLDS: Readonly<Record<string, (random: Random) => Habit>> = {
  'alike: everybody in the evening': () => ({ segment: '', hour: (random) => around(random, 20, 1.5) }),
  'shift workers: a week of days, a week of nights': (random) => {
    const turn = random.integer(2)
    return {
      segment: '',
      hour: (random, _, day) => around(random, (Math.floor(day / 7) + turn) % 2 === 0 ? 13 : 2, 1.5),
    }
  },
  'two peaks: mornings and evenings, each their own': (random) => {
    const [first, second] = [6 + random.integer(4), 18 + random.integer(5)]
    return { segment: '', hour: (random) => around(random, random.next() < 0.5 ? first : second, 0.8) }
  },
  'any hour: nobody has a habit': () => ({ segment: '', hour: (random) => random.integer(24) }),
  'time zones told as one: habits all over the clock': (random) => {
    const own = random.integer(24)
    return { segment: '', hour: (random) => around(random, own, 1) }
  },
  'segments: each its own hour': (random) => {
    const segment = random.integer(5)
    return { segment: `s${segment}`, hour: (random) => around(random, 4 + 4 * segment, 1.5) }
  },
  'segments that say nothing': (random) => ({
    segment: `s${random.integer(40)}`,
    hour: (random) => around(random, random.next() < 0.6 ? 9 : 21, 2),
  }),
  'weekends later than working days': () => ({
    segment: '',
    hour: (random, weekday) => around(random, weekday === 0 || weekday === 6 ? 12 : 19, 1),
  }),
}

function usersOf(habitOf: (random: Random) => Habit, seed: number): UserHours[] {
  const random = seededRandom(seed)
  return Array.from({ length: USERS }, () => {
    const { hour, segment } = habitOf(random)
    // Most do little, few do much.
    const count = Math.max(1, Math.min(60, Math.floor(3 / (1 - random.next()) ** 0.8)))
    const days = Array.from({ length: count }, () => random.integer(SPAN_DAYS)).sort((a, b) => a - b)
    const moments = days.map((day) => ({ day, hour: hour(random, day % 7, day) }))
    return {
      hours: Int16Array.from(moments, ({ day, hour }) => (day % 7) * 24 + hour),
      days: Float64Array.from(moments, ({ day, hour }) => day + hour / 24),
      segment,
    }
  })
}

function judge(users: readonly UserHours[]) {
  const { rhythm } = fitRhythm(users)
  const spread = spreadOf(rhythm)
  const top = topHours(rhythm.population)
  return judgeable(users).map(({ hours, days, segment }) => {
    const last = hours.length - 1
    const earlier = Array.from({ length: Math.min(64, last) }, (_, i) => last - 1 - i)
    const history = {
      hours: earlier.map((at) => hours[at]!),
      ages: earlier.map((at) => days[last]! - days[at]!),
      segment,
    }
    const hour = hours[last]! % 24
    const own = topHours(activityOf(rhythm, spread, history).hours).includes(hour)
    return { own: Number(own), all: Number(top.includes(hour)), few: last <= FEW }
  })
}

const share = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length
const results: Record<string, unknown> = {}
for (const [name, habitOf] of Object.entries(WORLDS)) {
  const judged = [1, 2].flatMap((seed) => judge(usersOf(habitOf, seed)))
  const figures = (some: typeof judged) => {
    const gains = some.map(({ own, all }) => own - all)
    const gain = share(gains)
    const error = Math.sqrt(share(gains.map((one) => (one - gain) ** 2)) / gains.length)
    return {
      users: some.length,
      ours: share(some.map(({ own }) => own)),
      same_for_all: share(some.map(({ all }) => all)),
      gain,
      standard_error: error,
    }
  }
  const few = figures(judged.filter((one) => one.few))
  if (few.gain < -2 * few.standard_error) process.exitCode = 1
  results[name] = { all: figures(judged), few_earlier: few }
}
await writeResult('quality-travel-notify-worlds', {
  what: `share of users whose last active hour of the day was among the three likeliest; two seeds of ${USERS} users`,
  few_earlier_hours: `at most ${FEW}`,
  ...results,
})
