// A traveller as match scoring sees one: what is known of them, checked.
import { dayOf, type Known, numberIn, plainWord, wordsOf } from '../known.ts'

export const TRAITS = 5
const BUDGETS = ['low', 'medium', 'high']

/** First and last day, in days since 1970. */
export interface Days {
  readonly from: number
  readonly to: number
}

/** Undefined is not known. */
export interface Person {
  readonly interests: ReadonlySet<string> | undefined
  readonly styles: ReadonlySet<string> | undefined
  /** Five numbers of 0 to 1. */
  readonly personality: readonly number[] | undefined
  /** 0 low, 0.5 medium, 1 high. */
  readonly budget: number | undefined
  /** 0 to 1. */
  readonly pace: number | undefined
  readonly available: Days | undefined
  readonly country: string | undefined
}

export function personOf(known: Known): Person {
  const { interests, travel_style, personality, budget, pace, available_from, available_to, home_country } = known
  const rank = typeof budget === 'string' ? BUDGETS.indexOf(plainWord(budget)) : -1
  const country = typeof home_country === 'string' ? plainWord(home_country) : ''
  return {
    interests: wordsOf(interests),
    styles: wordsOf(travel_style),
    personality: traitsOf(personality),
    budget: rank < 0 ? undefined : rank / 2,
    pace: numberIn(pace, 0, 1),
    available: daysBetween(dayOf(available_from), dayOf(available_to)),
    country: country === '' ? undefined : country,
  }
}

function traitsOf(value: unknown): readonly number[] | undefined {
  if (!Array.isArray(value) || value.length !== TRAITS) return undefined
  return value.every((trait) => numberIn(trait, 0, 1) !== undefined) ? (value as number[]) : undefined
}

function daysBetween(from: number | undefined, to: number | undefined): Days | undefined {
  return from === undefined || to === undefined || to < from ? undefined : { from, to }
}
