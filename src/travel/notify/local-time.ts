// Local time by IANA zone. The platform's own rules (Intl) decide, daylight saving included; nothing is computed from offsets.

export interface LocalHour {
  /** 0 is Sunday. */
  readonly weekday: number
  readonly hour: number
  readonly minute: number
}

export interface LocalClock {
  readonly zone: string
  /** False where the zone was missing or unknown, and UTC stands in for it. */
  readonly known: boolean
  at(ms: number): LocalHour
}

export const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

export function localClock(zone: unknown): LocalClock {
  const format = typeof zone === 'string' && zone !== '' ? formatOf(zone) : undefined
  const used = format ?? formatOf('UTC')!
  return {
    zone: format ? (zone as string) : 'UTC',
    known: format !== undefined,
    at(ms) {
      const [, day, hour, minute] = /(\w{3})\D*(\d{2}):(\d{2})/.exec(used.format(ms))!
      return {
        weekday: WEEKDAYS.findIndex((name) => name.startsWith(day!)),
        hour: Number(hour),
        minute: Number(minute),
      }
    },
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  const shown = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
  try {
    return new Intl.DateTimeFormat('en-US', { ...shown, timeZone })
  } catch {
    return undefined
  }
}

export function hourOfWeek({ weekday, hour }: LocalHour): number {
  return weekday * 24 + hour
}
