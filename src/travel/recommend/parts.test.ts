import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../ml/onnx/graph.ts'
import { popularity } from '../../ml/recommend/popularity.ts'
import type { Records } from '../records.ts'
import { measureChampion } from './champion.ts'
import { chooseDiverse } from './diversity.ts'
import { NOTHING_KNOWN, POPULAR, reasonOf } from './reason.ts'
import { recordedOf, withoutFalseRatings } from './recorded.ts'
import { filterNumber, passesOf, sameWord, wordsOfDestination, wordsOfUser } from './words.ts'

const NOTHING = { popular: 0, behaviour: 0, because: '', words: [] }

describe('words', () => {
  it('come from values of the right type only', () => {
    const user = { interests: [' Art', 'art', ''], travel_style: 'slow', budget: 'HIGH', home_country: 3, segment: 'a' }
    expect(wordsOfUser(user as never)).toEqual(['interest:art', 'budget:high', 'segment:a'])
    expect(wordsOfUser({ interests: [Number.NaN, null] as never, budget: 'huge' })).toEqual([])
    expect(wordsOfDestination({ tags: ['Sea'], budget: 'low', country: 'PT' })).toEqual([
      'tag:sea',
      'country:pt',
      'budget:low',
    ])
  })

  it('of ten thousand interests are a hundred', () => {
    const interests = Array.from({ length: 10_000 }, (_, at) => `i${at}`)
    expect(wordsOfUser({ interests })).toHaveLength(100)
  })

  it('of interests are those of tags', () => {
    expect(['interest:art', 'style:art', 'budget:low', 'home:de'].map(sameWord)).toEqual([
      'tag:art',
      'tag:art',
      'budget:low',
      undefined,
    ])
  })
})

describe('filters', () => {
  it('let pass what is known to fit, and everything where nothing is asked', () => {
    const passes = passesOf({ budget: 'medium', durations: ['week', 'month'] })
    const through = (filters: Parameters<typeof filterNumber>[0]) => Boolean((passes >> filterNumber(filters)) & 1)
    expect(through({})).toBe(true)
    expect(through({ budget: 'medium', duration: 'month' })).toBe(true)
    expect(through({ budget: 'low' })).toBe(false)
    expect(through({ budget: 'medium', duration: 'weekend' })).toBe(false)
    expect(passesOf({})).toBe(1)
  })
})

describe('variety', () => {
  it('prefers another kind of place to a little more of the same', () => {
    const beach = (score: number) => ({ score, tags: new Set([1, 2]) })
    const city = { score: 0.8, tags: new Set([3]) }
    expect(chooseDiverse([beach(0.9), beach(0.85), beach(0.82), city], 2)).toEqual([beach(0.9), city])
  })

  it('chooses as many as there are, the best among them, in the order of their scores', () => {
    const candidate = fc.record({
      score: fc.double({ min: 0, max: 1, noNaN: true }),
      tags: fc.array(fc.nat(5)).map((tags) => new Set(tags)),
    })
    fc.assert(
      fc.property(fc.array(candidate), fc.integer({ min: 1, max: 8 }), (given, count) => {
        const sorted = given.toSorted((a, b) => b.score - a.score)
        const scores = chooseDiverse(sorted, count).map(({ score }) => score)
        expect(scores).toHaveLength(Math.min(count, given.length))
        expect(scores).toEqual(scores.toSorted((a, b) => b - a))
        expect(scores[0]).toBe(sorted[0]?.score)
      }),
    )
  })
})

describe('a reason', () => {
  it('names the strongest interests, at most two', () => {
    const words = [
      ['interest:art', 0.1],
      ['interest:food', 0.4],
      ['interest:sea', 0.3],
      ['budget:low', 0.2],
    ] as const
    expect(reasonOf({ ...NOTHING, popular: 0.5, words })).toBe('Based on your interest in food and sea')
  })

  it('is what was done, where that says most', () => {
    const words = [['interest:art', 0.1]] as const
    expect(reasonOf({ popular: 0.1, behaviour: 0.6, because: 'Kyoto', words })).toBe('Goes with your interest in Kyoto')
    expect(reasonOf({ ...NOTHING, behaviour: 0.6 })).toBe('Based on what you looked at and booked')
  })

  it('is demand where nothing else speaks for it, and owns to knowing nothing where there is none', () => {
    const words = [
      ['interest:art', -1],
      ['unheard', 5],
    ] as const
    expect(reasonOf({ ...NOTHING, popular: 0.1, words })).toBe(POPULAR)
    expect(reasonOf({ ...NOTHING, words })).toBe(NOTHING_KNOWN)
  })
})

describe('ratings that can be none', () => {
  const rated = (value: number, user: number) => ({ user, item: 0, event: 'rated', atMs: 0, value })
  const kept = (values: readonly number[]) => withoutFalseRatings(values.map(rated)).map(({ value }) => value)
  const stars = Array.from({ length: 50 }, (_, i) => 1 + (i % 5))

  it('say nothing of how somebody liked it, only that they were there', () => {
    expect(kept([...stars, 1e308, -1e308, 400])).toEqual([...stars, null, null, null])
  })

  it.each([
    ['mostly the same', [...Array(99).fill(5), 1]],
    ['of every scale', Array.from({ length: 100 }, (_, i) => i)],
    ['a single one', [3]],
    ['none', []],
  ])('are not among those that are %s', (_, values) => {
    expect(kept(values)).toEqual(values)
  })
})

const DAY = 86_400_000

interface Act {
  readonly userId: string
  readonly itemId: string
  readonly atMs: number
}

function recordsOf(acts: readonly Act[]): Records {
  return {
    entities: async function* () {},
    interactions: async function* () {
      yield acts.map((act) => ({ ...act, event: 'viewed', value: null, channel: null }))
    },
  }
}

describe('what was recorded', () => {
  it('makes no fashion of what one user does ten thousand times', async () => {
    const bot = Array.from({ length: 10_000 }, (_, i) => ({ userId: 'bot', itemId: 'odd', atMs: i }))
    const people = Array.from({ length: 300 }, (_, i) => ({ userId: `u${i}`, itemId: `p${i % 3}`, atMs: 5000 }))
    const { data, itemIds } = await recordedOf(recordsOf([...bot, ...people]), { seed: 1, atMs: DAY })
    const demand = popularity(data.feedback, { atMs: DAY, halfLifeMs: 30 * DAY })
    const byItem = Object.fromEntries(itemIds.map((id, item) => [id, demand[item]]))
    expect(byItem).toEqual({ odd: expect.closeTo(0.2, 3), p0: 1, p1: 1, p2: 1 })
    const counted = [...data.feedback.weights.keys()].filter((event) => data.feedback.weights[event]! > 0)
    expect(Math.min(...counted.map((event) => data.feedback.times[event]!))).toBe(5000)
  })
})

describe('the live version', () => {
  it('that answers something else cannot be compared, and stops no training', async () => {
    const graph = new GraphBuilder()
    graph.output('y', graph.node('Identity', [graph.input('x', 'float32', ['N'])]), 'float32', ['N'])
    const acts = Array.from({ length: 60 }, (_, i) => ({ userId: `u${i % 5}`, itemId: `p${i % 7}`, atMs: i * DAY }))
    const recorded = await recordedOf(recordsOf(acts), { seed: 1, atMs: 60 * DAY })
    const champion = { version: '1.0.0', file: graph.build({ name: 'other' }), trainedAtMs: 10 * DAY }
    expect(await measureChampion(champion, recorded, 30 * DAY)).toEqual({ version: '1.0.0', metrics: null })
  })
})
