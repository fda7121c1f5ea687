// Worlds whose truth is known: users and items with factors, and what follows from them.
import { type Random, seededRandom } from '../../core/random.ts'
import { noTokens, type RecommendData } from './candidates.ts'
import type { Feedback } from './feedback.ts'

export interface World {
  readonly data: RecommendData
  /** Users × items: how much a user truly likes an item. */
  readonly liking: Float32Array
}

export interface WorldOptions {
  readonly users?: number
  readonly items?: number
  readonly factors?: number
  readonly eventsAUser?: number
  readonly seed?: number
}

/** Users choose items with odds that grow with their true liking. */
export function knownWorld(options: WorldOptions = {}): World {
  const { users = 200, items = 80, factors = 3, eventsAUser = 20, seed = 7 } = options
  const random = seededRandom(seed)
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal())
  const [p, q] = [normals(users * factors), normals(items * factors)]
  const liking = new Float32Array(users * items)
  for (let user = 0; user < users; user++) {
    for (let item = 0; item < items; item++) {
      for (let k = 0; k < factors; k++) liking[user * items + item]! += p[user * factors + k]! * q[item * factors + k]!
    }
  }
  const chosen: [number, number, number][] = []
  for (let user = 0; user < users; user++) {
    for (const item of choices(liking.subarray(user * items, (user + 1) * items), eventsAUser, random)) {
      chosen.push([user, item, random.next() * 1e10])
    }
  }
  const feedback = feedbackOf(chosen, users, items)
  return { liking, data: dataOf(feedback, feedbackOf([], users, items)) }
}

/** By the Gumbel trick: without replacement, in proportion to exp(liking). */
function choices(liking: Float32Array, count: number, random: Random): number[] {
  const keys = Array.from(liking, (value, item) => ({ item, key: value - Math.log(-Math.log(random.next() + 1e-12)) }))
  return keys
    .sort((a, b) => b.key - a.key)
    .slice(0, count)
    .map(({ item }) => item)
}

export function feedbackOf(
  events: readonly (readonly [number, number, number, number?])[],
  users: number,
  items: number,
): Feedback {
  return {
    users: Int32Array.from(events, ([user]) => user),
    items: Int32Array.from(events, ([, item]) => item),
    weights: Float32Array.from(events, ([, , , weight = 1]) => weight),
    times: Float64Array.from(events, ([, , time]) => time),
    userCount: users,
    itemCount: items,
  }
}

export function dataOf(feedback: Feedback, ratings: Feedback): RecommendData {
  return {
    feedback,
    ratings,
    userTokens: noTokens(feedback.userCount),
    itemTokens: noTokens(feedback.itemCount),
    sameWords: [],
    atMs: 1e10,
    seed: 1,
  }
}
