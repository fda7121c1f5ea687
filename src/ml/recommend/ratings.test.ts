// Ratings foretold by several models together: better than each where there is something to learn, the plainest where there is not.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../../core/random.ts'
import { fitBiasedMf, predictRating } from './biased-mf.ts'
import { filterFeedback, ratingMatrix } from './feedback.ts'
import { fitRatingNeighbours } from './rating-neighbours.ts'
import { chooseMembers, fitRatings, rootMeanSquare } from './ratings.ts'
import { feedbackOf } from './testing.ts'

const FACTORS = 3

/** A quarter of all pairs. */
function ratingsOf(rating: (user: number, item: number, random: Random) => number, random: Random) {
  const events = Array.from({ length: 90 * 50 }, (_, at) => [Math.floor(at / 50), at % 50] as const)
  const kept = events.filter(() => random.next() < 0.25)
  return feedbackOf(
    kept.map(([user, item], at) => [user, item, at, rating(user, item, random)]),
    90,
    50,
  )
}

function tastes(seed: number) {
  const random = seededRandom(seed)
  const normals = (count: number) => Array.from({ length: count }, () => random.normal())
  const [strict, good, p, q] = [normals(90), normals(50), normals(90 * FACTORS), normals(50 * FACTORS)]
  const liking = (user: number, item: number) =>
    Array.from({ length: FACTORS }, (_, k) => 0.5 * p[user * FACTORS + k]! * q[item * FACTORS + k]!)
  return ratingsOf((user, item, random) => {
    const own = 3 + 0.4 * strict[user]! + 0.4 * good[item]! + 0.4 * random.normal()
    return liking(user, item).reduce((a, b) => a + b, own)
  }, random)
}

const halves = (all: ReturnType<typeof tastes>) => ({
  before: filterFeedback(all, (event) => event % 5 !== 0),
  after: filterFeedback(all, (event) => event % 5 === 0),
})

describe('foretelling ratings', () => {
  it('errs by a tenth less than biases do where tastes differ', () => {
    const { before, after } = halves(tastes(5))
    const settings = { factors: 0, regularisation: 1, biasRegularisation: 1, iterations: 12, seed: 1 }
    const biases = fitBiasedMf(ratingMatrix(before), settings)
    const plain = rootMeanSquare(after, (user, item) => predictRating(biases, user, item))
    expect(rootMeanSquare(after, fitRatings(before, 1))).toBeLessThan(0.9 * plain)
  })

  it('keeps to biases where the rest is noise', () => {
    const noise = ratingsOf((_user, item, random) => 2 + (item % 3) + random.normal(), seededRandom(5))
    const members = chooseMembers(noise, 1)
    expect(members).toEqual([expect.objectContaining({ share: 1 })])
    expect(members[0]!.member.settings).toMatchObject({ factors: 0 })
  })

  it('stays within the range of what was rated, also for who and what nobody knows', () => {
    const { before } = halves(tastes(6))
    const narrow = { ...before, weights: before.weights.map((value) => Math.min(4, Math.max(2, value))) }
    const foretell = fitRatings({ ...narrow, userCount: 92, itemCount: 52 }, 1)
    for (const [user, item] of [
      [0, 0],
      [91, 0],
      [3, 51],
      [91, 51],
    ] as const) {
      expect(foretell(user, item)).toBeGreaterThanOrEqual(2)
      expect(foretell(user, item)).toBeLessThanOrEqual(4)
    }
  })

  it('answers with one rating, and with ratings that are all the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: -5, max: 5 }), (count, value) => {
        const events = Array.from({ length: count }, (_, at) => [at % 3, at % 4, at, value] as const)
        expect(fitRatings(feedbackOf(events, 3, 4), 1)(2, 3)).toBe(value)
      }),
      { numRuns: 10 },
    )
  })
})

describe('neighbours of a rated item', () => {
  it('pass on what a user thinks of an item that is rated alike', () => {
    const random = seededRandom(9)
    const taste = Array.from({ length: 60 }, () => (random.next() < 0.5 ? 1 : -1))
    // Items 0 and 1 are rated alike, item 2 by chance; user 0 has not rated item 1.
    const cells = taste.flatMap((liking, user) => [
      [user, 0, 0, 3 + liking] as const,
      ...(user === 0 ? [] : [[user, 1, 0, 3 + liking] as const]),
      [user, 2, 0, 3 + (random.next() < 0.5 ? 1 : -1)] as const,
    ])
    const options = { neighbours: 5, shrinkage: 5, biasRegularisation: 100 }
    const foretell = fitRatingNeighbours(ratingMatrix(feedbackOf(cells, 60, 3)), options)
    expect(Math.sign(foretell(0, 1) - 3)).toBe(taste[0])
  })
})
