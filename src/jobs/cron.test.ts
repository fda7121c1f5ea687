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
