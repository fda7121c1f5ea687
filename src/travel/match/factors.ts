// From the contributions that explain a score to the three factors of the reply: each is the score without what the other
// factors contributed to it, so all are in the unit of the score, and at the average where nothing is known.
import { FACTORS, type Factor, PAIR_FEATURES } from './pair.ts'

/** A chance and what made it, in the units of `space`; all for the outcome "they go together". */
export interface Judgement {
  readonly chance: number
  readonly space: 'log_odds' | 'probability'
  /** By column. */
  readonly contributions: ReadonlyMap<string, number>
}

/** A chance of exactly 0 or 1 has no log odds. */
const EDGE = 1e-6

const FACTOR_OF = new Map(PAIR_FEATURES.map(({ name, factor }) => [name, factor]))

export function factorsOf({ chance, space, contributions }: Judgement): Record<Factor, number> {
  const sums = new Map<Factor | undefined, number>()
  for (const [column, contribution] of contributions) {
    const factor = FACTOR_OF.get(column)
    sums.set(factor, (sums.get(factor) ?? 0) + contribution)
  }
  const whole = [...sums.values()].reduce((a, b) => a + b, 0)
  const without = (factor: Factor) => {
    const others = whole - (sums.get(factor) ?? 0)
    if (space === 'probability') return clip(chance - others)
    return 1 / (1 + Math.exp(others - logOddsOf(chance)))
  }
  return Object.fromEntries(FACTORS.map((factor) => [factor, without(factor)])) as Record<Factor, number>
}

export function logOddsOf(chance: number): number {
  const inside = Math.min(1 - EDGE, Math.max(EDGE, chance))
  return Math.log(inside / (1 - inside))
}

export function clip(value: number): number {
  return Math.min(1, Math.max(0, value))
}
