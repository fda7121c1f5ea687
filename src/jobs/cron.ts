// Cron expressions: five fields, or six with seconds, in a time zone whose summer time is honoured (an hour that does not exist
// is made up for, one that comes twice counts once). Jenkins' `H` is refused: its answer would change from look to look.
import { CronExpressionParser } from 'cron-parser'

/** Why the expression or the zone cannot be used. */
export function cronProblem(
  cron: string,
  timeZone: string,
): { readonly field: string; readonly message: string } | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
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

/** The first moment that is later than `after`. @throws Error for an expression that `cronProblem` complains of. */
export function nextTime(cron: string, { timeZone, after }: { readonly timeZone: string; readonly after: Date }): Date {
  return CronExpressionParser.parse(cron, { tz: timeZone, currentDate: after }).next().toDate()
}
