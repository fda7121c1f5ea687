// Cron expressions: five fields, or six with seconds, by the clock on the wall of a time zone. Where the clock is put forward, what falls
// into the gap is made up for once; where it is put back, a time that comes twice counts once, but what comes every hour goes on
// every hour. Jenkins' `H` is refused: its answer would change from look to look.
import { CronExpressionParser } from 'cron-parser'

/** Why the expression or the zone cannot be used. */
export function cronProblem(
  cron: string,
  timeZone: string,
): { readonly field: string; readonly message: string } | undefined {
  try {
    offsetsOf(timeZone)
  } catch {
    return { field: 'time_zone', message: 'is no time zone; they are named like Europe/Berlin' }
  }
  const words = cron.trim().split(/\s+/)
  if (!cron.startsWith('@') && words.length !== 5 && words.length !== 6) {
    return { field: 'cron', message: 'needs five fields: minute, hour, day of month, month, day of week' }
  }
  if (/(^|[\s,])H(?![a-z])/i.test(cron)) return { field: 'cron', message: 'must not use H' }
  try {
    nextTime(cron, { timeZone, after: new Date(0) })
    return undefined
  } catch (error) {
    return { field: 'cron', message: error instanceof Error ? error.message : String(error) }
  }
}

/**
 * The first moment that is later than `after`. cron-parser is asked for times on a clock that is never put forward or back, because its own
 * zones fail where the clock moves by half an hour. @throws Error for an expression that `cronProblem` complains of.
 */
export function nextTime(cron: string, { timeZone, after }: { readonly timeZone: string; readonly after: Date }): Date {
  const offsetAt = offsetsOf(timeZone)
  const expression = CronExpressionParser.parse(cron, { tz: 'UTC' })
  const everyHour = expression.fields.hour.values.length === HOURS
  let since = after.getTime()
  let offset = offsetAt(since)
  expression.reset(new Date(since + offset))
  for (;;) {
    const wall = expression.next().getTime()
    const at = wall - offset
    if (offsetAt(at) === offset) {
      if (everyHour || !cameBefore(wall, offset, offsetAt)) return new Date(at)
      continue
    }
    const change = changeBetween(since, at, offsetAt)
    const changed = offsetAt(change)
    if (!everyHour && wall < change + changed) return new Date(at)
    since = change
    offset = changed
    expression.reset(new Date(change + changed - SECOND))
  }
}

const HOURS = 24
const SECOND = 1000
/** Clocks are put back by less. */
const LONGEST_OVERLAP = 3 * 3600 * SECOND

/** What the clock on the wall is ahead of UTC at a moment, both in milliseconds. */
type Offsets = (at: number) => number

const zones = new Map<string, Offsets>()

/** @throws RangeError for what is no time zone. */
function offsetsOf(timeZone: string): Offsets {
  // There are some hundred zones, but no end of ways to write one: any letter may be a capital.
  const key = timeZone.toLowerCase()
  const known = zones.get(key)
  if (known) return known
  const format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' })
  const offsets: Offsets = (at) => {
    const [, sign, hours, minutes, seconds = 0] = /([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(format.format(at)) ?? []
    const size = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)
    return sign === undefined ? 0 : (sign === '-' ? -size : size) * SECOND
  }
  zones.set(key, offsets)
  return offsets
}

/** Whether the wall showed this time already, before the clock was put back to `offset`. */
function cameBefore(wall: number, offset: number, offsetAt: Offsets): boolean {
  const before = offsetAt(wall - offset - LONGEST_OVERLAP)
  return before > offset && offsetAt(wall - before) === before
}

/** The moment between `from` and `to` at which the clock is put forward or back. */
function changeBetween(from: number, to: number, offsetAt: Offsets): number {
  const offset = offsetAt(from)
  let [low, high] = [Math.floor(from / SECOND), Math.ceil(to / SECOND)]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetAt(middle * SECOND) === offset) low = middle
    else high = middle
  }
  return high * SECOND
}
