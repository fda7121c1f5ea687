// What is said of users and destinations, as words of one kind each: `interest:art`, `tag:art`. A value of the wrong type is no
// word at all. Only words of people's and places' own: never an id.
import { BUDGETS, DURATIONS } from '../../contract/recommend.ts'
import { type Known, plainWord, wordsOf } from '../known.ts'

/** Of each kind. Ten thousand interests say as little as none, and would cost as much as ten thousand. */
const MOST_WORDS = 100

export function wordsOfUser({ interests, travel_style, budget, home_country, segment }: Known): string[] {
  return [
    ...many('interest', interests),
    ...many('style', travel_style),
    ...one('budget', levelOf(budget)),
    ...one('home', home_country),
    ...one('segment', segment),
  ]
}

export function wordsOfDestination({ tags, country, budget }: Known): string[] {
  return [...many('tag', tags), ...one('country', country), ...one('budget', levelOf(budget))]
}

/** The word of a destination that says the same as one of a user. */
export function sameWord(ofUser: string): string | undefined {
  if (ofUser.startsWith('interest:')) return `tag:${ofUser.slice('interest:'.length)}`
  if (ofUser.startsWith('style:')) return `tag:${ofUser.slice('style:'.length)}`
  return ofUser.startsWith('budget:') ? ofUser : undefined
}

function levelOf(budget: unknown): (typeof BUDGETS)[number] | undefined {
  const level = typeof budget === 'string' ? plainWord(budget) : undefined
  return BUDGETS.find((name) => name === level)
}

export interface Filters {
  readonly budget?: (typeof BUDGETS)[number]
  readonly duration?: (typeof DURATIONS)[number]
}

/** Number of a pair of filters, 0 to 15; 0 is no filter. */
export function filterNumber({ budget, duration }: Filters): number {
  const at = (list: readonly string[], name: string | undefined) => (name === undefined ? 0 : list.indexOf(name) + 1)
  return 4 * at(BUDGETS, budget) + at(DURATIONS, duration)
}

/** A bit for each number of filters that a destination passes. */
export function passesOf(destination: Known): number {
  const budget = levelOf(destination.budget)
  const durations = wordsOf(destination.durations)
  let bits = 0
  for (const wantedBudget of [undefined, ...BUDGETS]) {
    for (const duration of [undefined, ...DURATIONS]) {
      const passes =
        (wantedBudget === undefined || wantedBudget === budget) && (duration === undefined || durations?.has(duration))
      const filters = { ...(wantedBudget && { budget: wantedBudget }), ...(duration && { duration }) }
      if (passes) bits |= 1 << filterNumber(filters)
    }
  }
  return bits
}

function many(kind: string, value: unknown): string[] {
  return [...(wordsOf(value) ?? [])].slice(0, MOST_WORDS).map((word) => `${kind}:${word}`)
}

function one(kind: string, value: unknown): string[] {
  const word = typeof value === 'string' ? plainWord(value) : ''
  return word === '' ? [] : [`${kind}:${word}`]
}
