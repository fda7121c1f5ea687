import { describe, expect, it } from 'vitest'
import { cronProblem, nextTime } from './cron.ts'

const next = (cron: string, after: string, timeZone = 'UTC') =>
  nextTime(cron, { timeZone, after: new Date(after) }).toISOString()

describe('a cron expression', () => {
  it.each([
    ['0 3 * * *', '2026-01-01T00:00:00Z', '2026-01-01T03:00:00.000Z'],
    ['0 3 * * *', '2026-01-01T03:00:00Z', '2026-01-02T03:00:00.000Z'],
    ['*/15 * * * *', '2026-01-01T00:14:59Z', '2026-01-01T00:15:00.000Z'],
    ['0 9 * * MON-THU', '2026-01-02T00:00:00Z', '2026-01-05T09:00:00.000Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['*/10 * * * * *', '2026-01-01T00:00:01Z', '2026-01-01T00:00:10.000Z'],
    ['@monthly', '2026-01-02T00:00:00Z', '2026-02-01T00:00:00.000Z'],
  ])('%s after %s is %s', (cron, after, expected) => {
    expect(cronProblem(cron, 'UTC')).toBeUndefined()
    expect(next(cron, after)).toBe(expected)
  })

  it('follows the clocks of its time zone', () => {
    expect(next('0 3 * * *', '2026-03-27T12:00:00Z', 'Europe/Berlin')).toBe('2026-03-28T02:00:00.000Z')
    expect(next('0 3 * * *', '2026-03-29T12:00:00Z', 'Europe/Berlin')).toBe('2026-03-30T01:00:00.000Z')
    expect(next('0 3 * * *', '2026-03-29T12:00:00Z', 'Asia/Kolkata')).toBe('2026-03-29T21:30:00.000Z')
  })

  it('comes once on the day on which its hour does not exist, or comes twice', () => {
    const times = (from: string, until: string) => {
      const found: string[] = []
      for (let at = new Date(from); ; found.push(at.toISOString())) {
        at = nextTime('30 2 * * *', { timeZone: 'Europe/Berlin', after: at })
        if (at >= new Date(until)) return found
      }
    }
    expect(times('2026-03-28T12:00:00Z', '2026-03-29T12:00:00Z')).toHaveLength(1)
    expect(times('2026-10-24T12:00:00Z', '2026-10-25T12:00:00Z')).toHaveLength(1)
  })

  // Every minute around both changes of the year is asked what its wall shows, which shares nothing with the code but Intl.
  it.each([
    ['Europe/Berlin', '2026-03-29', '2026-10-25'],
    ['America/New_York', '2026-03-08', '2026-11-01'],
    ['America/Santiago', '2026-09-06', '2026-04-05'],
    ['Africa/Cairo', '2026-04-24', '2026-10-30'],
    ['Australia/Lord_Howe', '2026-10-04', '2026-04-05'],
    ['Antarctica/Troll', '2026-03-29', '2026-10-25'],
    ['Asia/Kolkata', '2026-03-29', '2026-10-25'],
  ])('comes as the clock on the wall says in %s', (timeZone, ...days) => {
    for (const day of days) {
      const minutes = minutesAround(day, timeZone)
      for (const [cron, hours, minute] of [
        ['0 0 * * *', [0], 0],
        ['30 0 * * *', [0], 30],
        ['15 1 * * *', [1], 15],
        ['0 2 * * *', [2], 0],
        ['30 2 1-31 * *', [2], 30],
        ['45 1-2 * * *', [1, 2], 45],
        ['0 3,22 * * *', [3, 22], 0],
      ] as const) {
        expect(all(cron, timeZone, minutes), `${cron} on ${day}`).toEqual(once(minutes, hours, minute))
      }
      const hourly = minutes.filter(({ wall }) => wall.endsWith(':20')).map(({ at }) => at)
      expect(all('20 * * * *', timeZone, minutes), `every hour on ${day}`).toEqual(hourly)
    }
  })

  it.each([
    '',
    '* * * *',
    '61 * * * *',
    'every day',
    '0 0 30 2 *',
    '* * * * * * *',
    'H * * * *',
    'H/5 * * * *',
    '@never',
  ])('is not %j', (cron) => {
    expect(cronProblem(cron, 'UTC')).toMatchObject({ field: 'cron' })
  })

  it('needs a zone that there is', () => {
    expect(cronProblem('0 3 * * *', 'Mars/Olympus')).toMatchObject({ field: 'time_zone' })
  })
})

interface Minute {
  readonly at: string
  /** Such as `2026-10-04 02:30`. */
  readonly wall: string
}

function minutesAround(day: string, timeZone: string): Minute[] {
  // Sweden writes dates as ISO does.
  const format = new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'short' })
  const start = new Date(`${day}T00:00:00Z`).getTime() - 20 * 3_600_000
  return Array.from({ length: 48 * 60 }, (_, i) => {
    const at = new Date(start + i * 60_000)
    return { at: at.toISOString(), wall: format.format(at) }
  })
}

function all(cron: string, timeZone: string, minutes: readonly Minute[]): string[] {
  const found: string[] = []
  const end = minutes.at(-1)!.at
  for (let at = new Date(new Date(minutes[0]!.at).getTime() - 1); ; found.push(at.toISOString())) {
    at = nextTime(cron, { timeZone, after: at })
    if (at.toISOString() > end) return found
  }
}

/** The first minute that shows each wanted time; of the first in a gap, the minute that would have shown it. */
function once(minutes: readonly Minute[], hours: readonly number[], minute: number): string[] {
  const shown = new Map<string, string>()
  for (const { at, wall } of minutes) if (!shown.has(wall)) shown.set(wall, at)
  const days = [...new Set(minutes.map(({ wall }) => wall.slice(0, 10)))]
  const two = (value: number) => String(value).padStart(2, '0')
  const found = new Set<string>()
  const gaps = new Set<number>()
  for (const day of days) {
    for (const hour of hours) {
      const wall = `${day} ${two(hour)}:${two(minute)}`
      const last = minutes.findLastIndex((one) => one.wall < wall)
      const gap = minutes[last + 1]
      if (shown.has(wall)) found.add(shown.get(wall)!)
      else if (gap && gap.wall > wall && last >= 0 && !gaps.has(last)) found.add(shifted(minutes[last]!, wall))
      if (!shown.has(wall)) gaps.add(last)
    }
  }
  return [...found].sort()
}

/** As many minutes after the last one before the gap as the wall would have shown. */
function shifted({ at, wall: before }: Minute, wall: string): string {
  const gone = new Date(`${wall}Z`).getTime() - new Date(`${before}Z`).getTime()
  return new Date(new Date(at).getTime() + gone).toISOString()
}
