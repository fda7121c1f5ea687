// The journey a match is asked for: the context of the request, read and checked.
import type { MatchContext } from '../../contract/match.ts'
import { type FieldError, invalid } from '../../core/failure.ts'
import { momentMs } from '../../domain/features/index.ts'
import { dayOf, type Known, wordsOf } from '../known.ts'
import type { Days } from './person.ts'

export interface Journey {
  readonly interests: ReadonlySet<string> | undefined
  /** What its destination offers. */
  readonly offers: ReadonlySet<string> | undefined
  readonly days: Days | undefined
}

export const NO_JOURNEY: Journey = { interests: undefined, offers: undefined, days: undefined }

/** @throws `invalid` naming `context.dates` where they are no days of the calendar, or end before they begin. */
export function readJourney(context: MatchContext | undefined, destination?: Known): Journey {
  if (!context) return NO_JOURNEY
  const days = context.dates === undefined ? undefined : readDays(context.dates)
  if (days && 'message' in days) throw invalid('request', [days])
  return { interests: wordsOf(context.interests), offers: wordsOf(destination?.tags), days }
}

/** The same for a context that was recorded long ago: what cannot be read is not known. */
export function recallJourney(context: unknown, destination?: Known): Journey {
  const { interests, dates } = (context ?? {}) as Readonly<Record<string, unknown>>
  const days = typeof dates === 'string' ? readDays(dates) : undefined
  return {
    interests: wordsOf(interests),
    offers: wordsOf(destination?.tags),
    days: days && 'message' in days ? undefined : days,
  }
}

const SEPARATOR = /\s*(?:\/|\.\.|\sto\s)\s*/

function readDays(text: string): Days | FieldError {
  const field = 'context.dates'
  const [first, last = first, ...rest] = text.trim().split(SEPARATOR)
  const from = calendarDay(first!)
  const to = calendarDay(last!)
  if (from === undefined || to === undefined || rest.length > 0) {
    return { field, message: 'must be a day such as 2024-07-15, or two such as 2024-07-15/2024-07-20', value: text }
  }
  return to < from ? { field, message: 'must not end before they begin', value: text } : { from, to }
}

/** The day as it is written, whatever its zone; undefined for 30 February, which `Date` takes for 1 March. */
function calendarDay(text: string): number | undefined {
  const day = momentMs(text) === undefined ? undefined : /^\d{4}-\d{2}-\d{2}/.exec(text)?.[0]
  return day === undefined ? undefined : dayOf(`${day}T00:00:00Z`)
}
