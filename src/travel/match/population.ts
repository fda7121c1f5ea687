// What is answered for the part of a pair that is not known. A model fills a missing value as in training, with the average where none was
// missing there, and says what it takes a pair of averages for: 0.8 % in one world where a third of all pairs went well. Nothing known of
// a pair must mean the share of all pairs that went well, so what the model says of nothing is taken away as far as nothing is known,
// and that share takes its place.
import { clip, type Judgement, logOddsOf } from './factors.ts'

export interface Population {
  /** Of all pairs, those that went well. */
  readonly share: number
  /** What the model says of a pair of which nothing is known. */
  readonly empty: Judgement
}

/** @param unknown share of what the model looks at that is not known of the pair, 0 to 1. */
export function drawnToPopulation(judgement: Judgement, unknown: number, { share, empty }: Population): Judgement {
  if (unknown === 0 || judgement.space !== empty.space) return judgement
  const { chance, space, contributions } = judgement
  const moved = new Map(
    [...contributions].map(([column, own]) => [column, own - unknown * (empty.contributions.get(column) ?? 0)]),
  )
  const move = (of: (chance: number) => number) => of(chance) - unknown * (of(empty.chance) - of(share))
  return {
    chance: space === 'log_odds' ? 1 / (1 + Math.exp(-move(logOddsOf))) : clip(move((value) => value)),
    space,
    contributions: moved,
  }
}
