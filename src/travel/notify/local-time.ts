// Local time by IANA zone. The platform's own rules (Intl) decide, daylight saving included. To ask them takes microseconds and a
// week has 168 hours, so answers are remembered by the quarter of an hour; not those before 2023, because until then a zone (Casey
// in Antarctica) changed at one minute past midnight.

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

interface Zone {
  readonly format: Intl.DateTimeFormat
  /** By quarters of an hour since 1970: how its first minute is called. */
  readonly quarters: Map<number, LocalHour>
}

const QUARTER_MS = 15 * 60_000
const SINCE_MS = Date.UTC(2023, 0, 1)
/** In all zones together, and spellings of zones; then all is forgotten. */
const MOST_QUARTERS = 50_000
const MOST_ZONES = 1000
const zones = new Map<string, Zone>()
let remembered = 0

export function localClock(zone: unknown): LocalClock {
  const known = typeof zone === 'string' && zone !== '' ? zoneOf(zone) : undefined
  const used = known ?? zoneOf('UTC')!
  return { zone: known ? (zone as string) : 'UTC', known: known !== undefined, at: (ms) => hourAt(used, ms) }
}

function hourAt({ format, quarters }: Zone, ms: number): LocalHour {
  if (ms < SINCE_MS) return asked(format, ms)
  const quarter = Math.floor(ms / QUARTER_MS)
  let start = quarters.get(quarter)
  if (!start) {
    start = asked(format, quarter * QUARTER_MS)
    quarters.set(quarter, start)
    if (++remembered > MOST_QUARTERS) forget()
  }
  return { ...start, minute: start.minute + Math.floor((ms - quarter * QUARTER_MS) / 60_000) }
}

function asked(format: Intl.DateTimeFormat, ms: number): LocalHour {
  const [, day, hour, minute] = /(\w{3})\D*(\d{2}):(\d{2})/.exec(format.format(ms))!
  return { weekday: WEEKDAYS.findIndex((name) => name.startsWith(day!)), hour: Number(hour), minute: Number(minute) }
}

function forget(): void {
  zones.clear()
  remembered = 0
}

function zoneOf(timeZone: string): Zone | undefined {
  const known = zones.get(timeZone)
  if (known) return known
  const shown = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
  try {
    const zone = { format: new Intl.DateTimeFormat('en-US', { ...shown, timeZone }), quarters: new Map() }
    zones.set(timeZone, zone)
    if (zones.size > MOST_ZONES) forget()
    return zone
  } catch {
    return undefined
  }
}

export function hourOfWeek({ weekday, hour }: LocalHour): number {
  return weekday * 24 + hour
}
