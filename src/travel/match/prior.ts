// What is answered while no outcomes were learned from: a logistic formula whose numbers were set by hand. It says no more than
// that alike travellers go together better (the similarity effect: Montoya, Horton & Kirchner 2008, "Is actual similarity
// necessary for attraction?"); its size here is a guess, and the confidence of such answers is capped for that reason.

import type { Judgement } from './factors.ts'
import type { Pair } from './pair.ts'

/** Chance for a pair of which nothing is known. */
export const BASE = 0.4

/** Log odds from not at all alike to wholly alike, and the likeness of an average pair, which changes nothing. */
const TERMS: Readonly<Record<string, { readonly weight: number; readonly average: number }>> = {
  interest_overlap: { weight: 3, average: 0.2 },
  journey_interest: { weight: 1, average: 0.4 },
  destination_fit: { weight: 0.8, average: 0.3 },
  style_overlap: { weight: 1.5, average: 0.3 },
  budget_likeness: { weight: 1, average: 0.6 },
  pace_likeness: { weight: 0.6, average: 0.7 },
  date_overlap: { weight: 1.5, average: 0.5 },
  same_country: { weight: 0.2, average: 0.3 },
  personality_likeness: { weight: 2, average: 0.7 },
}

export const PRIOR_COLUMNS: readonly string[] = Object.keys(TERMS)

/** The score with its own exact contributions, in log odds. */
export function judgeByPrior(pair: Pair): Judgement {
  const contributions = new Map<string, number>()
  let score = Math.log(BASE / (1 - BASE))
  for (const [name, { weight, average }] of Object.entries(TERMS)) {
    const value = pair[name] ?? null
    const contribution = value === null ? 0 : weight * (value - average)
    contributions.set(name, contribution)
    score += contribution
  }
  return { chance: 1 / (1 + Math.exp(-score)), space: 'log_odds', contributions }
}
