// How much a score rests on: the share of what the model looks at that is known of the pair and was seen in training, times
// what a model of so many examples is worth.
import type { SignatureInput } from '../../contract/models.ts'
import { PAIR_FEATURES, type Pair } from './pair.ts'
import { PRIOR_COLUMNS } from './prior.ts'

/** Of a formula without examples. */
const PRIOR_WORTH = 0.3
/** Examples at which a model is worth half of the way from the prior to certainty. */
const HALFWAY = 300
/** Nothing is known at all: the answer is the average of all pairs. */
const LEAST = 0.05
/** A model that looks at less than this share of what one would like to know of a pair is not trusted for knowing all of that. */
const ENOUGH = 0.5
/** A column that only says something beside others still counts for a little. */
const LITTLE = 0.01
const UNSEEN = 0.5

const WEIGHTS = new Map(PAIR_FEATURES.map(({ name, weight }) => [name, weight]))
const WISHED = PAIR_FEATURES.reduce((sum, { weight }) => sum + weight, 0)

type Column = Pick<SignatureInput, 'name' | 'min' | 'max'>

const PRIOR: readonly Column[] = PRIOR_COLUMNS.map((name) => ({ name }))

/** `examples`: what the model was trained on; none for the prior. */
export function confidenceOf(pair: Pair, model?: { inputs: readonly Column[]; examples: number }): number {
  const { inputs = PRIOR, examples = 0 } = model ?? {}
  let known = 0
  let all = 0
  for (const input of inputs) {
    const weight = weightOf(input.name)
    all += weight
    known += weight * knowledge(pair[input.name] ?? null, input)
  }
  const worth = PRIOR_WORTH + (1 - PRIOR_WORTH) * (examples / (examples + HALFWAY))
  return LEAST + (1 - LEAST) * worth * (known / Math.max(all, ENOUGH * WISHED))
}

/** Share of what the model looks at that is not known of the pair, 0 to 1. */
export function unknownShare(pair: Pair, inputs: readonly Column[]): number {
  let known = 0
  let all = 0
  for (const { name } of inputs) {
    const weight = weightOf(name)
    all += weight
    if ((pair[name] ?? null) !== null) known += weight
  }
  return all === 0 ? 1 : 1 - known / all
}

function weightOf(name: string): number {
  return Math.max(LITTLE, WEIGHTS.get(name) ?? 0)
}

/** What lies outside of all that was seen in training is known, but little is known about it. */
function knowledge(value: number | null, { min, max }: Column): number {
  if (value === null) return 0
  return (min !== undefined && value < min) || (max !== undefined && value > max) ? UNSEEN : 1
}
