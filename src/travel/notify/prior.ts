// What holds while nothing was learned: a week as most consumer services see it, set by hand (quiet at night, a rise over the
// morning, the most in the evening, weekends an hour later), and open rates of about a fifth for every channel.
import type { ChannelRates } from './channels.ts'
import { DAY_HOURS, HOURS, type Rhythm } from './rhythm.ts'

const WORKDAY = [1, 1, 1, 1, 1, 1, 2, 4, 6, 6, 6, 6, 8, 7, 6, 6, 6, 8, 10, 12, 12, 10, 6, 3]
const isWeekend = (day: number) => day === 0 || day === 6

function aWeek(): Float64Array {
  const week = Float64Array.from({ length: HOURS }, (_, hour) => {
    const day = Math.floor(hour / DAY_HOURS)
    return WORKDAY[(hour + (isWeekend(day) ? DAY_HOURS - 1 : 0)) % DAY_HOURS]!
  })
  const whole = week.reduce((a, b) => a + b, 0)
  return week.map((weight) => weight / whole)
}

export const PRIOR_RHYTHM: Rhythm = {
  population: aWeek(),
  segments: new Map(),
  strength: 8,
  halfLifeDays: 90,
  bandwidth: 0.8,
  weekday: 0.1,
}

export const PRIOR_CHANNELS: ChannelRates = { alpha: [2.2, 2, 1.8], beta: [7.8, 8, 8.2] }
