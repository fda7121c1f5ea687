// Worlds that the candidates and their settings were not chosen on: how much people do is spread widely, a few items have most of it,
// tastes lie in kinds as well as in factors, ratings have biases, and some of what comes is hardly to be learned from.
import { type Random, seededRandom, shuffle } from '../../../src/core/random.ts'
import type { Feedback } from '../../../src/ml/recommend/feedback.ts'
import { feedbackOf } from '../../../src/ml/recommend/testing.ts'

interface Size {
  readonly users: number
  readonly items: number
  readonly seed: number
}

type Event = readonly [number, number, number, number]

/** `count` different items, in proportion to exp(of(item)), by the Gumbel trick. */
function choose(of: (item: number) => number, { items, count }: { items: number; count: number }, random: Random) {
  return Array.from({ length: items }, (_, item) => ({
    item,
    key: of(item) - Math.log(-Math.log(random.next() + 1e-12)),
  }))
    .sort((a, b) => b.key - a.key)
    .slice(0, count)
    .map(({ item }) => item)
}

const normals = (count: number, random: Random) => Float32Array.from({ length: count }, () => random.normal())
/** From 2 to a quarter of the items, half of the people below 8. */
const activity = (items: number, random: Random) =>
  Math.max(2, Math.min(items >> 2, Math.round(Math.exp(2 + 0.9 * random.normal()))))
/** In no order of time. */
const moment = (random: Random) => random.next() * 1e10

/** A few items are wanted by nearly all; tastes have four factors. */
export function longTail({ users, items, seed }: Size): Feedback {
  const random = seededRandom(seed)
  const [p, q] = [normals(users * 4, random), normals(items * 4, random)]
  const fame = shuffle(
    Array.from({ length: items }, (_, rank) => -0.9 * Math.log(rank + 1)),
    random,
  )
  const events = Array.from({ length: users }, (_, user) => {
    const liking = (item: number) =>
      fame[item]! + [0, 1, 2, 3].reduce((sum, k) => sum + 0.7 * p[user * 4 + k]! * q[item * 4 + k]!, 0)
    const count = activity(items, random)
    return choose(liking, { items, count }, random).map((item): Event => [user, item, moment(random), 1])
  })
  return feedbackOf(events.flat(), users, items)
}

/** Items are of twenty kinds, and people like two of them; some things are done again and again. */
export function kinds({ users, items, seed }: Size): Feedback {
  const random = seededRandom(seed)
  const events = Array.from({ length: users }, () => [random.integer(20), random.integer(20)]).flatMap(
    (liked, user) => {
      const liking = (item: number) => (liked.includes(item % 20) ? 3 : 0)
      const count = activity(items, random)
      return choose(liking, { items, count }, random).flatMap((item) =>
        Array.from({ length: 1 + (random.next() < 0.2 ? random.integer(6) : 0) }, (): Event => {
          return [user, item, moment(random), 1]
        }),
      )
    },
  )
  return feedbackOf(events, users, items)
}

/** Ratings of 1 to 5 with biases of both sides and three factors; what is liked is rated more often. */
export function ratings({ users, items, seed }: Size): Feedback {
  const random = seededRandom(seed)
  const [p, q] = [normals(users * 3, random), normals(items * 3, random)]
  const [strict, good] = [normals(users, random), normals(items, random)]
  const events = Array.from({ length: users }, (_, user) => {
    const liking = (item: number) =>
      0.4 * good[item]! + [0, 1, 2].reduce((sum, k) => sum + 0.45 * p[user * 3 + k]! * q[item * 3 + k]!, 0)
    const count = Math.max(4, activity(items, random))
    return choose((item) => 0.8 * liking(item), { items, count }, random).map((item): Event => {
      const value = Math.round(3.5 + 0.4 * strict[user]! + liking(item) + 0.7 * random.normal())
      return [user, item, moment(random), Math.min(5, Math.max(1, value))]
    })
  })
  return feedbackOf(events.flat(), users, items)
}

/** Nobody was seen twice. */
export function onceEach({ users, items, seed }: Size): Feedback {
  const random = seededRandom(seed)
  const byFame = shuffle(
    Array.from({ length: items }, (_, item) => item),
    random,
  )
  const events = Array.from({ length: users }, (_, user): Event => {
    return [user, byFame[Math.floor(items * random.next() ** 3)]!, moment(random), 1]
  })
  return feedbackOf(events, users, items)
}
