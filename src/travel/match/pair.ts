// What a pair of travellers is to a model: numbers that are the same whichever of the two is named first, bit for bit, since
// each is made of sums, differences and counts that do not look at the order. Not known of either is not known of the pair.
import type { Journey } from './journey.ts'
import type { Days, Person } from './person.ts'
import { TRAITS } from './person.ts'

export const FACTORS = ['interest_overlap', 'travel_style', 'personality'] as const
export type Factor = (typeof FACTORS)[number]

export interface PairFeature {
  readonly name: string
  /** Absent: what is said of each of the two, whoever the other is. */
  readonly factor?: Factor
  /** How much of what one would like to know of a pair it is; what only a journey brings is no gap without one. */
  readonly weight: number
}

const TRAIT_NUMBERS = Array.from({ length: TRAITS }, (_, trait) => trait + 1)

export const PAIR_FEATURES: readonly PairFeature[] = [
  { name: 'interest_overlap', factor: 'interest_overlap', weight: 3 },
  { name: 'interests_shared', factor: 'interest_overlap', weight: 0 },
  { name: 'journey_interest', factor: 'interest_overlap', weight: 0 },
  { name: 'destination_fit', factor: 'interest_overlap', weight: 0 },
  { name: 'style_overlap', factor: 'travel_style', weight: 2 },
  { name: 'budget_likeness', factor: 'travel_style', weight: 1 },
  { name: 'pace_likeness', factor: 'travel_style', weight: 1 },
  { name: 'date_overlap', factor: 'travel_style', weight: 1 },
  { name: 'same_country', factor: 'travel_style', weight: 0.5 },
  { name: 'personality_likeness', factor: 'personality', weight: 2.5 },
  ...TRAIT_NUMBERS.map((n) => ({ name: `trait_${n}_likeness`, factor: 'personality' as const, weight: 0 })),
  ...TRAIT_NUMBERS.map((n) => ({ name: `trait_${n}_level`, factor: 'personality' as const, weight: 0 })),
  ...['wanted_level', 'wanted_least', 'willing_level', 'willing_least'].map((name) => ({ name, weight: 0 })),
]

/** Null is not known. All from 0 to 1, but for `interests_shared`, the logarithm of 1 + how many they share. */
export type Pair = Readonly<Record<string, number | null>>

export function pairOf(a: Person, b: Person, journey: Journey): Pair {
  return {
    ...interests(a, b, journey),
    style_overlap: overlap(a.styles, b.styles),
    budget_likeness: likeness(a.budget, b.budget),
    pace_likeness: likeness(a.pace, b.pace),
    date_overlap: dates(a.available, b.available, journey.days),
    same_country: a.country === undefined || b.country === undefined ? null : Number(a.country === b.country),
    ...personality(a.personality, b.personality),
  }
}

function interests(a: Person, b: Person, journey: Journey): Pair {
  const known = a.interests && b.interests
  return {
    interest_overlap: overlap(a.interests, b.interests),
    interests_shared: known ? Math.log1p(shared(a.interests!, b.interests!)) : null,
    journey_interest: covered(journey.interests, a, b),
    destination_fit: covered(journey.offers, a, b),
  }
}

type Words = ReadonlySet<string>

/** Jaccard. */
function overlap(a: Words | undefined, b: Words | undefined): number | null {
  if (!a || !b) return null
  const both = shared(a, b)
  return both / (a.size + b.size - both)
}

function shared(a: Words, b: Words): number {
  const [few, many] = a.size <= b.size ? [a, b] : [b, a]
  let count = 0
  for (const word of few) if (many.has(word)) count++
  return count
}

/** Share of the wanted words that the interests cover, on average of the two. */
function covered(wanted: Words | undefined, a: Person, b: Person): number | null {
  if (!wanted || !a.interests || !b.interests) return null
  return (shared(wanted, a.interests) + shared(wanted, b.interests)) / (2 * wanted.size)
}

function likeness(a: number | undefined, b: number | undefined): number | null {
  return a === undefined || b === undefined ? null : 1 - Math.abs(a - b)
}

/** Days both can travel, as a share of those of the journey, or else of the shorter of the two spans. */
function dates(a: Days | undefined, b: Days | undefined, journey: Days | undefined): number | null {
  if (!a || !b) return null
  const from = Math.max(a.from, b.from, journey?.from ?? Number.NEGATIVE_INFINITY)
  const to = Math.min(a.to, b.to, journey?.to ?? Number.POSITIVE_INFINITY)
  const whole = journey ? length(journey) : Math.min(length(a), length(b))
  return Math.max(0, to - from + 1) / whole
}

function length({ from, to }: Days): number {
  return to - from + 1
}

function personality(a: Person['personality'], b: Person['personality']): Pair {
  const pair: Record<string, number | null> = { personality_likeness: null }
  let squares = 0
  for (let trait = 0; trait < TRAITS; trait++) {
    const known = a && b
    const difference = known ? Math.abs(a[trait]! - b[trait]!) : 0
    squares += difference * difference
    pair[`trait_${trait + 1}_likeness`] = known ? 1 - difference : null
    pair[`trait_${trait + 1}_level`] = known ? (a[trait]! + b[trait]!) / 2 : null
  }
  if (a && b) pair.personality_likeness = 1 - Math.sqrt(squares / TRAITS)
  return pair
}
