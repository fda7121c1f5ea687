// The methods that compete, each fitted into the common form. Behaviour is completed by tokens everywhere: factors of
// entities with little history are drawn towards what their tokens say, which is all there is of new ones.
import { fitBiasedMf } from './biased-mf.ts'
import {
  type Feedback,
  fromRows,
  preferenceMatrix,
  ratingMatrix,
  type SparseMatrix,
  supportOf,
  transpose,
} from './feedback.ts'
import { fitImplicitAls } from './implicit-als.ts'
import { itemNeighbours } from './item-item.ts'
import { popularity } from './popularity.ts'
import { likedOf, type Method, type Recommender } from './recommender.ts'
import { regressOnTokens, sumOfTokens } from './token-regression.ts'

export interface RecommendData {
  /** Implicit feedback; ratings are in it as well, by how far they are above the middle. */
  readonly feedback: Feedback
  readonly ratings: Feedback
  readonly userTokens: SparseMatrix
  readonly itemTokens: SparseMatrix
  /** Pairs of a user token and an item token that say the same, such as an interest and a tag. */
  readonly sameWords: readonly (readonly [number, number])[]
  /** The moment popularity is looked at from. */
  readonly atMs: number
  readonly seed: number
}

export interface Candidate {
  readonly method: Method
  readonly settings: Readonly<Record<string, number>>
}

const DAY_MS = 86_400_000

/** More factors need more restraint. */
const FACTORISATIONS = [
  { factors: 4, regularisation: 4 },
  { factors: 8, regularisation: 16 },
  { factors: 16, regularisation: 16 },
  { factors: 32, regularisation: 16 },
]

export const CANDIDATES: readonly Candidate[] = [
  { method: 'popularity', settings: { half_life_days: 30 } },
  { method: 'popularity', settings: { half_life_days: 365 } },
  { method: 'content', settings: { popularity: 0.1, half_life_days: 365 } },
  { method: 'item_item', settings: { neighbours: 100, shrinkage: 5, popularity: 0.001, half_life_days: 365 } },
  { method: 'item_item', settings: { neighbours: 100, shrinkage: 50, popularity: 0.01, half_life_days: 365 } },
  ...FACTORISATIONS.flatMap((settings) =>
    [0.02, 0.2].map(
      (popularity): Candidate => ({
        method: 'implicit_als',
        settings: { ...settings, alpha: 4, iterations: 12, popularity, half_life_days: 365 },
      }),
    ),
  ),
  { method: 'biased_mf', settings: { factors: 8, regularisation: 10, bias_regularisation: 5, iterations: 12 } },
]

/** So much history weighs as much as the tokens. */
const TRUST_AT = 1

export function fitCandidate(data: RecommendData, { method, settings }: Candidate): Recommender {
  const { feedback } = data
  const preferences = preferenceMatrix(feedback)
  const halfLifeMs = (settings.half_life_days ?? 365) * DAY_MS
  const share = method === 'popularity' ? 1 : (settings.popularity ?? 0)
  const bias = popularity(feedback, { atMs: data.atMs, halfLifeMs }).map((value) => value * share)
  switch (method) {
    case 'popularity':
      // Nothing anybody did changes what they are told.
      return { ...withoutFactors(data, preferences), trust: new Float32Array(preferences.rows), bias }
    case 'item_item': {
      const { neighbours = 50, shrinkage = 5 } = settings
      return {
        ...withoutFactors(data, preferences),
        bias,
        neighbours: itemNeighbours(preferences, { neighbours, shrinkage }),
      }
    }
    case 'content':
      return { ...contentFactors(data, preferences), bias }
    case 'implicit_als': {
      const { factors = 16, alpha = 4, regularisation = 4, iterations = 12 } = settings
      const fitted = fitImplicitAls(preferences, { factors, alpha, regularisation, iterations, seed: data.seed })
      return { ...withTokens(data, { ...fitted, cells: preferences }), bias }
    }
    case 'biased_mf':
      return ratingRecommender(data, settings)
  }
}

function ratingRecommender(data: RecommendData, settings: Candidate['settings']): Recommender {
  const {
    factors: size = 8,
    regularisation = 10,
    bias_regularisation: biasRegularisation = 5,
    iterations = 12,
  } = settings
  const cells = ratingMatrix(data.ratings)
  const fitted = fitBiasedMf(cells, { factors: size, regularisation, biasRegularisation, iterations, seed: data.seed })
  return { ...withTokens(data, { size, users: fitted.users, items: fitted.items, cells }), bias: fitted.itemBias }
}

/** One dimension of zeros, because a tensor without columns is not a tensor everywhere. */
function withoutFactors({ userTokens }: RecommendData, preferences: SparseMatrix): Omit<Recommender, 'bias'> {
  return {
    size: 1,
    users: new Float32Array(preferences.rows),
    trust: Float32Array.from(supportOf(preferences), trustIn),
    tokens: new Float32Array(userTokens.columns),
    items: new Float32Array(preferences.columns),
  }
}

interface Fitted {
  readonly size: number
  readonly users: Float32Array
  readonly items: Float32Array
  readonly cells: SparseMatrix
}

function withTokens(data: RecommendData, { size, users, items, cells }: Fitted): Omit<Recommender, 'bias'> {
  const regularisation = 2
  const ofUsers = supportOf(cells)
  const ofItems = supportOf(transpose(cells))
  const tokens = regressOnTokens(data.userTokens, users, { size, regularisation, weights: ofUsers.map(Math.sign) })
  const itemTokens = regressOnTokens(data.itemTokens, items, { size, regularisation, weights: ofItems.map(Math.sign) })
  const foretold = sumOfTokens(data.itemTokens, itemTokens, size)
  const mixed = items.map((value, at) => {
    const trust = trustIn(ofItems[Math.floor(at / size)]!)
    return trust * value + (1 - trust) * foretold[at]!
  })
  return { size, users, trust: Float32Array.from(ofUsers, trustIn), tokens, items: mixed }
}

function trustIn(support: number): number {
  return support / (support + TRUST_AT)
}

/** Dimensions of the content method: the most frequent item tokens. */
const MOST_DIMENSIONS = 128

/** Items by their tokens, rare ones weighing more; users by the tokens of their items and the words said of themselves. */
function contentFactors(data: RecommendData, preferences: SparseMatrix): Omit<Recommender, 'bias'> {
  const { itemTokens, userTokens, sameWords } = data
  const byToken = supportOf(transpose(itemTokens))
  const chosen = [...byToken.keys()]
    .filter((token) => byToken[token]! > 0)
    .sort((a, b) => byToken[b]! - byToken[a]! || a - b)
    .slice(0, MOST_DIMENSIONS)
  const size = Math.max(1, chosen.length)
  const places = new Map(chosen.map((token, place) => [token, place]))
  const rarity = (token: number) => Math.log1p(itemTokens.rows / byToken[token]!)
  const items = unitRows(placed(itemTokens, places, rarity), size)
  const users = new Float32Array(preferences.rows * size)
  for (let user = 0; user < preferences.rows; user++) {
    for (const [item, weight] of likedOf(preferences, user)) {
      for (let k = 0; k < size; k++) users[user * size + k]! += weight * items[item * size + k]!
    }
  }
  const tokens = new Float32Array(userTokens.columns * size)
  for (const [ofUser, ofItem] of sameWords) {
    const place = places.get(ofItem)
    if (place !== undefined) tokens[ofUser * size + place] = rarity(ofItem) / Math.log1p(itemTokens.rows)
  }
  return { size, users, trust: Float32Array.from(supportOf(preferences), trustIn), tokens, items }
}

function placed(
  tokens: SparseMatrix,
  places: ReadonlyMap<number, number>,
  weigh: (token: number) => number,
): Float32Array {
  const size = Math.max(1, places.size)
  const rows = new Float32Array(tokens.rows * size)
  for (let row = 0; row < tokens.rows; row++) {
    for (let at = tokens.starts[row]!; at < tokens.starts[row + 1]!; at++) {
      const place = places.get(tokens.indices[at]!)
      if (place !== undefined) rows[row * size + place] = weigh(tokens.indices[at]!)
    }
  }
  return rows
}

function unitRows(rows: Float32Array, size: number): Float32Array {
  for (let at = 0; at < rows.length; at += size) {
    const row = rows.subarray(at, at + size)
    const length = Math.hypot(...row)
    if (length > 0) for (let k = 0; k < size; k++) row[k]! /= length
  }
  return rows
}

/** No tokens at all, for data that has none. */
export function noTokens(rows: number): SparseMatrix {
  return fromRows(
    Array.from({ length: rows }, () => []),
    1,
  )
}
