// A fitted recommender, whatever method it comes from: a score is the inner product of the user's and the item's factors, plus
// a bias of the item, plus what the neighbours of the user's items say. One form, so that one graph serves them all.
import type { SparseMatrix } from './feedback.ts'
import { addNeighbourScores, type Neighbours } from './item-item.ts'

export const METHODS = ['popularity', 'item_item', 'implicit_als', 'biased_mf', 'content'] as const
export type Method = (typeof METHODS)[number]

export interface Recommender {
  readonly size: number
  /** Users × size: what their behaviour says. */
  readonly users: Float32Array
  /** How far a user's behaviour is trusted against their tokens, 0 (nothing known) to 1. */
  readonly trust: Float32Array
  /** User tokens × size: what is said of a user adds up to factors as well. */
  readonly tokens: Float32Array
  /** Items × size. */
  readonly items: Float32Array
  readonly bias: Float32Array
  readonly neighbours?: Neighbours
}

export interface UserSide {
  /** Users × items: what they did, by weight. */
  readonly preferences: SparseMatrix
  /** Users × tokens: what is said of them. */
  readonly userTokens: SparseMatrix
}

/** Factors of a user: behaviour and tokens, mixed by trust. */
function userFactors(model: Recommender, { userTokens }: Pick<UserSide, 'userTokens'>, user: number) {
  const { size, users, tokens } = model
  const trust = model.trust[user]!
  const factors = new Float32Array(size)
  for (let k = 0; k < size; k++) factors[k] = trust * users[user * size + k]!
  for (let at = userTokens.starts[user]!; at < userTokens.starts[user + 1]!; at++) {
    const token = userTokens.indices[at]! * size
    for (let k = 0; k < size; k++) factors[k]! += (1 - trust) * tokens[token + k]!
  }
  return factors
}

/** Adds to `into` the score of every item. */
export function addScores(model: Recommender, side: UserSide, user: number, into: Float32Array): void {
  const { size, items, bias, neighbours } = model
  const factors = userFactors(model, side, user)
  for (let item = 0; item < bias.length; item++) {
    let sum = bias[item]!
    for (let k = 0; k < size; k++) sum += factors[k]! * items[item * size + k]!
    into[item]! += sum
  }
  if (neighbours) addNeighbourScores(neighbours, likedOf(side.preferences, user), into)
}

/** A user's items by weight, the dearest first, at most `most`; the weights add up to 1. */
export function likedOf(preferences: SparseMatrix, user: number, most = MOST_LIKED): (readonly [number, number])[] {
  const cells: [number, number][] = []
  for (let at = preferences.starts[user]!; at < preferences.starts[user + 1]!; at++) {
    cells.push([preferences.indices[at]!, preferences.values[at]!])
  }
  const kept = cells.sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, most)
  const total = kept.reduce((sum, [, weight]) => sum + weight, 0)
  return kept.map(([item, weight]) => [item, weight / total])
}

/** Items of a user that the graph carries. */
const MOST_LIKED = 64
