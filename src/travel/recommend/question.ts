// What the graph of the recommender is asked, as its tensors.
import type { Tensors } from '../../core/tensors.ts'

export const RECOMMEND_MODEL = 'travel_recommend'

export interface Question {
  readonly user: string
  readonly words: readonly string[]
  /** As `filterNumber` counts. */
  readonly filter: number
  readonly limit: number
}

export function questionOf({ user, words, filter, limit }: Question): Tensors {
  const one = (value: number) => ({ type: 'int64', dims: [1], data: BigInt64Array.of(BigInt(value)) }) as const
  // A word nobody knows in place of none: not every engine takes a tensor without elements.
  const said = words.length > 0 ? words : ['']
  return {
    user: { type: 'string', dims: [1], data: [user] },
    words: { type: 'string', dims: [said.length], data: said },
    filter: one(filter),
    limit: one(limit),
  }
}
