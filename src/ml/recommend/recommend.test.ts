import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { fitBiasedMf, predictRating } from './biased-mf.ts'
import { fitCandidate } from './candidates.ts'
import { chooseRecommender } from './choose.ts'
import { evaluateRanking, lookedAt, splitByTime, topItems } from './evaluate.ts'
import { filterFeedback, fromRows, preferenceMatrix, ratingMatrix, transpose } from './feedback.ts'
import { type Factors, fitImplicitAls } from './implicit-als.ts'
import { itemNeighbours } from './item-item.ts'
import { popularity } from './popularity.ts'
import { scaleOf } from './scale.ts'
import { dataOf, feedbackOf, knownWorld } from './testing.ts'
import { regressOnTokens, sumOfTokens } from './token-regression.ts'

const DAY = 86_400_000
const POPULARITY = { method: 'popularity', settings: {} } as const

describe('matrices of feedback', () => {
  it('add up the events of a pair, or keep the latest', () => {
    const feedback = feedbackOf(
      [
        [0, 1, 5, 2],
        [0, 1, 3, 4],
        [1, 0, 1, -1],
      ],
      2,
      2,
    )
    expect([...preferenceMatrix(feedback).values]).toEqual([6])
    expect([...ratingMatrix(feedback).values]).toEqual([2, -1])
  })

  it('are the same after being turned twice', () => {
    const cells = fc.array(
      fc.uniqueArray(fc.tuple(fc.nat(6), fc.integer({ min: 1, max: 9 })), { selector: ([c]) => c }),
    )
    fc.assert(
      fc.property(cells, (rows) => {
        const matrix = fromRows(rows, 7)
        expect(transpose(transpose(matrix))).toEqual(matrix)
      }),
    )
  })
})

describe('popularity', () => {
  it('halves what a half-life has passed over', () => {
    const feedback = feedbackOf(
      [
        [0, 0, 0],
        [0, 1, 30 * DAY],
      ],
      1,
      3,
    )
    expect([...popularity(feedback, { atMs: 30 * DAY, halfLifeMs: 30 * DAY })]).toEqual([0.5, 1, 0])
  })
})

describe('item neighbours', () => {
  it('have the cosine of their users, shrunk, and leave out the item itself', () => {
    const preferences = preferenceMatrix(
      feedbackOf(
        [
          [0, 0, 0],
          [0, 1, 0],
          [1, 0, 0],
          [1, 1, 0],
          [2, 1, 0],
          [2, 2, 0],
        ],
        3,
        3,
      ),
    )
    const { items, similarities } = itemNeighbours(preferences, { neighbours: 2, shrinkage: 0 })
    expect([...items.subarray(2, 4)]).toEqual([0, 2])
    expect(similarities[2]).toBeCloseTo(2 / Math.sqrt(6))
    expect(similarities[3]).toBeCloseTo(1 / Math.sqrt(3))
  })
})

describe('implicit factors', () => {
  it('recover what users truly like, on items they never touched', () => {
    const { data, liking } = knownWorld({ eventsAUser: 25 })
    const items = data.feedback.itemCount
    const preferences = preferenceMatrix(data.feedback)
    // Three true factors, and one for the level, which liking does not have and choices do.
    const options = { factors: 4, alpha: 1, regularisation: 1, iterations: 15, seed: 1 }
    const found = fitImplicitAls(preferences, options)
    const correlations = Array.from({ length: data.feedback.userCount }, (_, user) => {
      const seen = new Set(preferences.indices.subarray(preferences.starts[user]!, preferences.starts[user + 1]!))
      const unseen = Array.from({ length: items }, (_, item) => item).filter((item) => !seen.has(item))
      return correlation(
        unseen.map((item) => productOf(found, user, item)),
        unseen.map((item) => liking[user * items + item]!),
      )
    })
    expect(correlations.reduce((a, b) => a + b) / correlations.length).toBeGreaterThan(0.85)
  })

  it('lower the loss of the method with every sweep', () => {
    const { data } = knownWorld({ users: 60, items: 30 })
    const preferences = preferenceMatrix(data.feedback)
    const options = { factors: 4, alpha: 4, regularisation: 1, seed: 1 }
    const losses = [1, 2, 4, 8].map((iterations) => lossOf(preferences, { ...options, iterations }))
    expect(losses).toEqual([...losses].sort((a, b) => b - a))
  })
})

describe('biased factorisation', () => {
  it('recovers ratings made of known biases and factors', () => {
    const random = seededRandom(3)
    const normals = (count: number) => Array.from({ length: count }, () => random.normal())
    const [bu, bi, p, q] = [normals(80), normals(60), normals(160), normals(120)]
    const truth = (u: number, i: number) =>
      3 + 0.4 * bu[u]! + 0.4 * bi[i]! + 0.6 * (p[2 * u]! * q[2 * i]! + p[2 * u + 1]! * q[2 * i + 1]!)
    const events = Array.from({ length: 80 * 60 }, (_, at) => [Math.floor(at / 60), at % 60] as const)
    const known = events.filter(() => random.next() < 0.5)
    const ratings = feedbackOf(
      known.map(([u, i]) => [u, i, 0, truth(u, i) + 0.1 * random.normal()]),
      80,
      60,
    )
    const options = { factors: 2, regularisation: 0.3, biasRegularisation: 0.3, iterations: 20, seed: 1 }
    const model = fitBiasedMf(ratingMatrix(ratings), options)
    const squares = events.map(([u, i]) => (predictRating(model, u, i) - truth(u, i)) ** 2)
    expect(Math.sqrt(squares.reduce((a, b) => a + b) / squares.length)).toBeLessThan(0.15)
  })
})

describe('regression on tokens', () => {
  it('gives each token its share, and entities without history what their tokens say', () => {
    const random = seededRandom(2)
    const rows = Array.from({ length: 200 }, () =>
      [0, 1, 2, 3].filter(() => random.next() < 0.5).map((t) => [t, 1] as const),
    )
    const tokens = fromRows(rows, 4)
    const truth = Float32Array.of(1, -1, 0.5, 2, -2, 0, 0, 1)
    const factors = sumOfTokens(tokens, truth, 2)
    const found = regressOnTokens(tokens, factors, {
      size: 2,
      weights: rows.map((_, at) => at % 2),
      regularisation: 1e-3,
    })
    for (const [at, value] of found.entries()) expect(value).toBeCloseTo(truth[at]!, 2)
  })
})

describe('evaluation', () => {
  it('splits by time, and by chance where all times are the same', () => {
    const { feedback } = knownWorld().data
    const byTime = splitByTime(feedback, 0.2, 1)
    expect(Math.max(...byTime.before.times)).toBeLessThan(Math.min(...byTime.after.times))
    const same = { ...feedback, times: feedback.times.map(() => 5) }
    const byChance = splitByTime(same, 0.2, 1)
    expect(byChance.atMs).toBeUndefined()
    expect(byChance.after.items.length / feedback.items.length).toBeCloseTo(0.2, 1)
  })

  it('splits by chance what was recorded one user after the other without its moments', () => {
    const { feedback } = knownWorld().data
    const times = Float64Array.from(feedback.users, (user, event) => 1000 * user + (event % 20))
    const imported = splitByTime({ ...feedback, times }, 0.2, 1)
    expect(imported.atMs).toBeUndefined()
    expect(new Set(imported.before.users)).toEqual(new Set(feedback.users))
    // The same over months is a stream of new users.
    expect(splitByTime({ ...feedback, times: times.map((ms) => 100_000 * ms) }, 0.2, 1).atMs).toBeDefined()
  })

  it('looks at so many users at most, evenly spread', () => {
    const { feedback } = knownWorld().data
    const known = preferenceMatrix(filterFeedback(feedback, () => false))
    const task = { known, wanted: preferenceMatrix(feedback), k: 10 }
    expect(lookedAt(task)).toHaveLength(200)
    expect(lookedAt({ ...task, mostUsers: 8 }).map(({ user }) => user)).toEqual([0, 25, 50, 75, 100, 125, 150, 175])
  })

  it('counts a perfect list as 1 and a useless one as 0', () => {
    const known = preferenceMatrix(feedbackOf([[0, 0, 0]], 1, 30))
    const wanted = preferenceMatrix(
      feedbackOf(
        [
          [0, 0, 0],
          [0, 5, 0],
          [0, 6, 0],
        ],
        1,
        30,
      ),
    )
    const perfect = evaluateRanking((_, into) => into.fill(1, 5, 7), { known, wanted, k: 10 })
    expect(perfect).toMatchObject({ recall: 1, ndcg: 1, users: 1 })
    const useless = evaluateRanking((_, into) => into.fill(1, 10), { known, wanted, k: 10 })
    expect(useless).toMatchObject({ recall: 0, ndcg: 0 })
  })

  it('finds the top items as a full sort does', () => {
    const scores = fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 40 })
    fc.assert(
      fc.property(scores, fc.integer({ min: 1, max: 12 }), (list, k) => {
        const sorted = [...list.keys()].sort((a, b) => list[b]! - list[a]! || a - b)
        expect(topItems(Float32Array.from(list), k)).toEqual(sorted.slice(0, k))
      }),
    )
  })
})

describe('the choice', () => {
  it('takes a personal method where tastes differ, far above popularity', () => {
    const { winner, floor } = chooseRecommender(knownWorld({ users: 300 }).data)
    expect(['implicit_als', 'item_item']).toContain(winner.method)
    expect(winner.metrics.ndcg).toBeGreaterThan(1.5 * floor.metrics.ndcg)
  })

  it('is made on what came after another model, also where what came before tells no order', () => {
    const { data } = knownWorld()
    const { feedback } = data
    const later = (share: number) => feedback.times.map((_, event) => (event < (1 - share) * 4000 ? 0 : 1000 * event))
    const splitOf = (times: Float64Array) =>
      chooseRecommender({ ...data, feedback: { ...feedback, times } }, { notBeforeMs: 1, candidates: [POPULARITY] })
    expect(splitOf(later(0.1))).toMatchObject({ splitMs: 1, events: { before: 3600, after: 400 } })
    for (const share of [0.01, 0.9]) expect(splitOf(later(share)).splitMs).not.toBe(1)
  })

  it('is the same every time', () => {
    const { data } = knownWorld({ users: 60, items: 30 })
    expect(chooseRecommender(data)).toEqual(chooseRecommender(data))
  })

  it('recommends a new item and to a new user by their tokens', () => {
    const { data, cold, hot } = worldOfTags()
    const settings = { factors: 2, alpha: 4, regularisation: 0.1, popularity: 0.02 }
    const model = fitCandidate(data, { method: 'implicit_als', settings })
    const scores = (user: number) => {
      let sum = 0
      for (let k = 0; k < model.size; k++)
        sum += model.tokens[user * model.size + k]! * model.items[cold * model.size + k]!
      return sum
    }
    expect(scores(hot)).toBeGreaterThan(4 * Math.abs(scores(1 - hot)))
  })

  it('never learns from ratings that it is judged by, also where they are held out by chance', () => {
    const random = seededRandom(3)
    // What is rated how is chance alone, and known only from the rating itself; much else is looked at.
    const events = Array.from({ length: 100 }, (_, user) =>
      Array.from({ length: 60 }, (_, item) => [user, item, random.next(), random.integer(5)] as const),
    ).flat()
    const rated = events.filter(() => random.next() < 0.4)
    const looks = events.filter(() => random.next() < 0.1).map(([user, item]) => [user, item, 0, 1] as const)
    const feedback = feedbackOf(
      [...looks, ...rated.map(([user, item, , stars]) => [user, item, 0, stars - 1] as const)],
      100,
      60,
    )
    const ratings = feedbackOf(
      rated.map(([user, item, , stars]) => [user, item, 0, stars] as const),
      100,
      60,
    )
    const settings = { factors: 8, regularisation: 1, bias_regularisation: 5, iterations: 12 }
    const candidates = [{ method: 'popularity', settings: {} } as const, { method: 'biased_mf', settings } as const]
    const { standings, splitMs } = chooseRecommender(dataOf(feedback, ratings), { candidates })
    expect(splitMs).toBeUndefined()
    const [byRatings, byChance] = [...candidates]
      .reverse()
      .map(({ method }) => standings.find((one) => one.method === method)!)
    expect(byRatings!.metrics.ndcg).toBeLessThan(1.3 * byChance!.metrics.ndcg)
  })

  it('says nothing where there is nothing to learn from', () => {
    const empty = feedbackOf([], 2, 3)
    const { recommender, winner } = chooseRecommender(dataOf(empty, empty))
    expect(winner.metrics.users).toBe(0)
    expect([...recommender.bias]).toEqual([0, 0, 0])
  })
})

describe('what is shown', () => {
  it('tells the best apart also among thousands of items that nobody wants', () => {
    const [users, items] = [300, 5000]
    const random = seededRandom(5)
    const events = Array.from({ length: 6000 }, (_, event) => {
      return [event % users, Math.floor(items * random.next() ** 6), 0] as const
    })
    const { bias, ...model } = fitCandidate(dataOf(feedbackOf(events, users, items), feedbackOf([], users, items)), {
      method: 'popularity',
      settings: {},
    })
    const preferences = fromRows(Array(users).fill([]), items)
    const { spread } = scaleOf({ ...model, bias }, { preferences, userTokens: fromRows(Array(users).fill([]), 1) })
    const mean = bias.reduce((a, b) => a + b, 0) / items
    const shown = [...bias].map((raw) => 1 / (1 + Math.exp((mean - raw) / spread))).sort((a, b) => b - a)
    expect(shown[0]).toBeGreaterThan(0.9)
    expect(shown[0]).toBeLessThan(0.99)
    expect(shown[0]! - shown[9]!).toBeGreaterThan(0.005)
  })

  it('rests on nothing that a user did where that changes nothing', () => {
    const { data } = knownWorld({ users: 20 })
    const trusted = (method: 'popularity' | 'item_item') => [...fitCandidate(data, { method, settings: {} }).trust]
    expect(trusted('popularity')).toEqual(Array(20).fill(0))
    expect(Math.min(...trusted('item_item'))).toBeGreaterThan(0.9)
  })
})

/** Users of token 0 want items of token 0, and so on; the last item has token 0 and no history. */
function worldOfTags() {
  const random = seededRandom(9)
  const events: [number, number, number][] = []
  for (let user = 0; user < 40; user++) {
    for (let n = 0; n < 8; n++) events.push([user, 2 * random.integer(15) + (user % 2), n])
  }
  const feedback = feedbackOf(events, 40, 31)
  const tokensOf = (count: number) =>
    fromRows(
      Array.from({ length: count }, (_, at) => [[at % 2, 1] as const]),
      2,
    )
  const data = {
    ...dataOf(
      feedback,
      filterFeedback(feedback, () => false),
    ),
    userTokens: tokensOf(40),
    itemTokens: tokensOf(31),
  }
  return { data, cold: 30, hot: 0 }
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (list: readonly number[]) => list.reduce((x, y) => x + y, 0) / list.length
  const [ma, mb] = [mean(a), mean(b)]
  const product = a.map((value, at) => (value - ma) * (b[at]! - mb)).reduce((x, y) => x + y, 0)
  const square = (list: readonly number[], m: number) => list.reduce((x, y) => x + (y - m) ** 2, 0)
  return product / Math.sqrt(square(a, ma) * square(b, mb))
}

function productOf({ users, items, size }: Factors, user: number, item: number): number {
  let sum = 0
  for (let k = 0; k < size; k++) sum += users[user * size + k]! * items[item * size + k]!
  return sum
}

function lossOf(
  preferences: ReturnType<typeof preferenceMatrix>,
  options: Parameters<typeof fitImplicitAls>[1],
): number {
  const { users, items, size } = fitImplicitAls(preferences, options)
  const dense = new Float32Array(preferences.rows * preferences.columns)
  for (let user = 0; user < preferences.rows; user++) {
    for (let at = preferences.starts[user]!; at < preferences.starts[user + 1]!; at++) {
      dense[user * preferences.columns + preferences.indices[at]!] = preferences.values[at]!
    }
  }
  let loss = 0
  for (const [cell, weight] of dense.entries()) {
    const [user, item] = [Math.floor(cell / preferences.columns), cell % preferences.columns]
    const score = productOf({ users, items, size }, user, item)
    loss += (1 + options.alpha * weight) * ((weight > 0 ? 1 : 0) - score) ** 2
  }
  for (const value of [...users, ...items]) loss += options.regularisation * value ** 2
  return loss
}
