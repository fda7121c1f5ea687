import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { openSession } from '../../runtime/in-process.ts'
import { type Candidate, fitCandidate } from './candidates.ts'
import { topItems } from './evaluate.ts'
import { fromRows, preferenceMatrix } from './feedback.ts'
import { type GraphParts, NEVER, recommenderGraph } from './graph.ts'
import { addScores, type Recommender } from './recommender.ts'
import { scaleOf } from './scale.ts'
import { knownWorld } from './testing.ts'

const METHODS: readonly Candidate[] = [
  { method: 'popularity', settings: {} },
  { method: 'implicit_als', settings: { factors: 5, popularity: 0.1 } },
  { method: 'item_item', settings: { neighbours: 12, shrinkage: 2, popularity: 0.01 } },
]

const ids = (name: string, count: number) => Array.from({ length: count }, (_, at) => `${name}${at}`)

function partsOf(candidate: Candidate): GraphParts {
  const { data } = knownWorld({ users: 60, items: 40, eventsAUser: 8 })
  const preferences = preferenceMatrix(data.feedback)
  const random = seededRandom(4)
  const userTokens = fromRows(
    Array.from({ length: 60 }, () => [[random.integer(3), 1] as const]),
    3,
  )
  const recommender = fitCandidate({ ...data, userTokens }, candidate)
  return {
    recommender,
    preferences,
    consumed: preferences,
    userIds: ids('user', 60),
    itemIds: ids('item', 40),
    titles: ids('Title ', 40),
    userTokens: ids('word', 3),
    itemTokens: fromRows(
      Array.from({ length: 40 }, (_, at) => [[at % 4, 1] as const]),
      4,
    ),
    passes: Int32Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? 3 : 1)),
    scale: scaleOf(recommender, { preferences, userTokens }),
  }
}

interface Question {
  readonly user: string
  readonly words?: readonly string[]
  readonly filter?: number
  readonly limit?: number
}

async function ask(parts: GraphParts, questions: readonly Question[]) {
  const session = await openSession(recommenderGraph(parts))
  const answers = []
  for (const { user, words = [''], filter = 0, limit = 10 } of questions) {
    const one = (value: number) => ({ type: 'int64' as const, dims: [1], data: BigInt64Array.of(BigInt(value)) })
    const { outputs } = await session.run({
      user: { type: 'string', dims: [1], data: [user] },
      words: { type: 'string', dims: [words.length], data: [...words] },
      filter: one(filter),
      limit: one(limit),
    })
    answers.push(
      Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data as string[])])),
    )
  }
  await session.close()
  return answers.map(readable)
}

function readable(outputs: Readonly<Record<string, readonly unknown[]>>) {
  const numbers = (name: string) => outputs[name] as number[]
  const strings = (name: string) => outputs[name] as string[]
  return {
    item: strings('item'),
    because: strings('because'),
    raw: numbers('raw'),
    score: numbers('score'),
    personal: numbers('personal'),
    popular: numbers('popular'),
    neighbours: numbers('neighbours'),
    by_word: numbers('by_word'),
    trust: numbers('trust'),
  }
}

describe('the graph of a recommender', () => {
  it.each(METHODS)('answers as the fitted $method does, without what is known already', async (candidate) => {
    const parts = partsOf(candidate)
    const { preferences, recommender } = parts
    const [found] = await ask(parts, [{ user: 'user7', words: [] }])
    const scores = new Float32Array(40)
    addScores(recommender, { preferences, userTokens: fromRows(Array(60).fill([]), 3) }, 7, scores)
    for (const item of preferences.indices.subarray(preferences.starts[7]!, preferences.starts[8]!)) {
      scores[item] = Number.NEGATIVE_INFINITY
    }
    const best = topItems(scores, 10)
    for (const [rank, item] of best.entries()) expect(found!.raw[rank]).toBeCloseTo(scores[item]!, 4)
    const shown = found!.item.filter((_, rank) => found!.raw[rank]! > NEVER / 10)
    expect(shown.toSorted()).toEqual(best.map((item) => `item${item}`).toSorted())
  })

  it.each(METHODS)('says what a score of $method is made of', async (candidate) => {
    const [found] = await ask(partsOf(candidate), [{ user: 'user3', words: ['word1', 'word2', 'unheard'] }])
    const count = found!.raw.length
    for (let rank = 0; rank < count; rank++) {
      if (found!.raw[rank]! < NEVER / 10) continue
      const words = [0, 1, 2].reduce((sum, word) => sum + found!.by_word[word * count + rank]!, 0)
      const parts = found!.personal[rank]! + found!.popular[rank]! + found!.neighbours[rank]! + words
      expect(parts).toBeCloseTo(found!.raw[rank]!, 4)
      expect(found!.score[rank]).toBeGreaterThanOrEqual(0)
      expect(found!.score[rank]).toBeLessThanOrEqual(1)
    }
    expect(found!.because[0]).toMatch(/^Title \d+$/)
  })

  it.each(METHODS)(
    'scores the average item of everybody 0.5 by $method, also of who is not known',
    async (candidate) => {
      const parts = { ...partsOf(candidate), consumed: fromRows(Array(60).fill([]), 40) }
      const answers = await ask(parts, [
        { user: 'user7', words: ['word1'], limit: 40 },
        { user: 'nobody', words: ['word1'], limit: 40 },
        { user: 'nobody', words: [], limit: 40 },
      ])
      for (const { score, raw } of answers) {
        const shown = score.filter((_, rank) => raw[rank]! > NEVER / 10)
        const mean = shown.reduce((sum, one) => sum + Math.log(one / (1 - one)), 0) / shown.length
        expect(shown.length).toBe(40)
        expect(mean).toBeCloseTo(0, 3)
      }
    },
  )

  it('keeps to the filter, to the limit, and to what there is', async () => {
    const parts = partsOf(METHODS[1]!)
    const [few, filtered, all] = await ask(parts, [
      { user: 'user1', limit: 3 },
      { user: 'user1', filter: 1, limit: 40 },
      { user: 'user1', limit: 5000 },
    ])
    expect(few!.item).toHaveLength(3)
    const shown = filtered!.item.filter((_, rank) => filtered!.raw[rank]! > NEVER / 10)
    expect(shown.length).toBeGreaterThan(5)
    for (const item of shown) expect(Number(item.slice(4)) % 2).toBe(0)
    expect(all!.item.length).toBeLessThanOrEqual(41)
  })

  it('gives another item of the user’s as the reason, never the item itself', async () => {
    const parts = partsOf(METHODS[1]!)
    const nothing = fromRows(
      Array.from({ length: 60 }, () => []),
      40,
    )
    const [found] = await ask({ ...parts, consumed: nothing }, [{ user: 'user3', limit: 20 }])
    for (const [rank, item] of found!.item.entries()) expect(found!.because[rank]).not.toBe(`Title ${item.slice(4)}`)
  })

  it('trusts nothing about a user it does not know, and orders by demand', async () => {
    const parts = partsOf(METHODS[1]!)
    const [found] = await ask(parts, [{ user: 'nobody' }])
    expect(found!.trust).toEqual([0])
    expect(found!.item[0]).toBe(`item${topItems(parts.recommender.bias, 1)[0]}`)
  })
})

describe('the search among many items', () => {
  it('finds nearly all of the best items while looking at few, and all that a rare filter lets pass', async () => {
    const random = seededRandom(1)
    const [items, size, users] = [12_000, 8, 40]
    const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal())
    const recommender: Recommender = {
      size,
      users: normals(users * size),
      trust: new Float32Array(users).fill(1),
      tokens: new Float32Array(size),
      items: normals(items * size),
      bias: Float32Array.from({ length: items }, () => random.next()),
    }
    const preferences = fromRows(
      Array.from({ length: users }, () => []),
      items,
    )
    const parts: GraphParts = {
      recommender,
      preferences,
      consumed: preferences,
      userIds: ids('user', users),
      itemIds: ids('item', items),
      titles: ids('item', items),
      userTokens: [''],
      itemTokens: fromRows(
        Array.from({ length: items }, () => []),
        1,
      ),
      passes: Int32Array.from({ length: items }, (_, at) => (at % 1000 === 0 ? 3 : 1)),
      scale: { spread: 1 },
    }
    const questions = ids('user', users).map((user) => ({ user }))
    const answers = await ask(parts, [...questions, { user: 'user0', filter: 1, limit: 20 }])
    const userTokens = fromRows(
      Array.from({ length: users }, () => []),
      1,
    )
    const recalls = questions.map((_, user) => {
      const scores = new Float32Array(items)
      addScores(recommender, { preferences, userTokens }, user, scores)
      const best = new Set(topItems(scores, 10).map((item) => `item${item}`))
      return answers[user]!.item.filter((item) => best.has(item)).length / 10
    })
    expect(recalls.reduce((a, b) => a + b) / users).toBeGreaterThan(0.9)
    const rare = answers.at(-1)!
    expect(rare.item.filter((_, rank) => rare.raw[rank]! > NEVER / 10)).toHaveLength(12)
  })
})
