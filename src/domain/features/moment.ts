// Moments as callers write them. The platform's own reading is too kind: 31 February is 2 March to it, a time without a zone is
// the machine's local time, and years before 1 are told by signs that no database takes.

const MOMENT = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?(?:\s?(Z|[+-]\d{2}:?\d{2}))?)?$/i
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z')
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z')

/** Milliseconds since 1970 of a day or a moment in ISO-8601, UTC where no zone is said; undefined for what is none. */
export function momentMs(text: string): number | undefined {
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] =
    MOMENT.exec(text.trim()) ?? []
  if (year === undefined || !isDay(Number(year), Number(month), Number(day))) return undefined
  const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase()
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction.slice(0, 4)}${offset}`)
  return ms >= FIRST_MS && ms <= LAST_MS ? ms : undefined
}

/** By the calendar that holds for all years. */
function isDay(year: number, month: number, day: number): boolean {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = month === 2 && isLeap ? 29 : DAYS[month - 1]
  return days !== undefined && day >= 1 && day <= days
}
