// Match scoring through the API: by the prior at first, by a model once outcomes were recorded and learned from, and always an
// answer, whatever is not known or not right.
import { describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import type { Interaction } from '../../src/contract/features.ts'
import type { MatchScore } from '../../src/contract/match.ts'
import { seededRandom } from '../../src/core/random.ts'
import { USER } from '../../src/travel/entities.ts'
import { DATABASES } from '../helpers/app.ts'
import { untilEnded } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { aTenantEach, expectRefusedFor } from '../helpers/tenants.ts'

const WORDS = ['art', 'food', 'hiking', 'wine', 'sea', 'music', 'museums', 'surf']
const START = Date.parse('2025-01-01T00:00:00Z')

const without = ({ latency_ms: _, ...score }: MatchScore) => score

/** Travellers who get on when their interests and their pace are alike; personality has no part in it. */
async function recordOutcomes(client: MlClient, pairs = 400): Promise<void> {
  const random = seededRandom(7)
  const users = Array.from({ length: 80 }, (_, i) => ({
    entity_id: `u${i}`,
    observed_at: new Date(START).toISOString(),
    interests: WORDS.filter(() => random.next() < 0.4),
    pace: random.next(),
    personality: Array.from({ length: 5 }, () => random.next()),
  }))
  await client.features.declare(USER)
  await client.features.ingest({ entity_type: 'user', rows: users })
  const interactions = Array.from({ length: pairs }, (_, i) => {
    const a = random.integer(80)
    const b = (a + 1 + random.integer(79)) % 80
    const [first, second] = [users[a]!, users[b]!]
    const both = first.interests.filter((word) => second.interests.includes(word)).length
    const any = new Set([...first.interests, ...second.interests]).size || 1
    const z = 9 * (both / any - 0.25) + 5 * (0.33 - Math.abs(first.pace - second.pace))
    const good = random.next() < 1 / (1 + Math.exp(-z))
    const at = new Date(START + (i + 1) * 3_600_000).toISOString()
    const named = { id: `o${i}`, user_id: `u${a}`, item_id: `u${b}`, at }
    return i % 2
      ? { ...named, event: 'match_outcome', value: Number(good) }
      : { ...named, event: good ? 'match_accepted' : 'match_declined' }
  })
  await client.interactions.record({ interactions })
}

describe.each([...DATABASES])('match scoring on the %s database', (database) => {
  const { app, client, putUser: put } = aTenantEach('match', database)

  it('answers from the population where nothing is known or declared', async () => {
    const { score, confidence, factors } = await client.match.score({ user_a_id: 'x', user_b_id: 'y' })
    expect(score).toBeCloseTo(0.4)
    expect(confidence).toBeCloseTo(0.05)
    for (const factor of Object.values(factors)) expect(factor).toBeCloseTo(0.4)
  })

  it('takes alike travellers for better matches, and trusts that more the more it knows', async () => {
    await client.features.declare(USER)
    await put('ann', { interests: ['art', 'food'], travel_style: ['slow'], pace: 0.3, budget: 'low' })
    await put('bob', { interests: ['art', 'food'], travel_style: ['slow'], pace: 0.3, budget: 'low' })
    await put('cid', { interests: ['surf'], travel_style: ['party'], pace: 0.9, budget: 'high' })
    await put('dan', { interests: ['art'] })
    const of = (user_b_id: string) => client.match.score({ user_a_id: 'ann', user_b_id })
    const [bob, cid, dan] = [await of('bob'), await of('cid'), await of('dan')]
    expect(bob.score).toBeGreaterThan(0.9)
    expect(cid.score).toBeLessThan(0.2)
    expect(bob.factors.interest_overlap).toBeGreaterThan(cid.factors.interest_overlap)
    expect(dan.confidence).toBeLessThan(bob.confidence)
    expect(bob.confidence).toBeLessThan(0.35)
  })

  it('gives both orders the same answer, also for a journey', async () => {
    await client.features.declare(USER)
    await put('ann', { interests: ['art', 'food'], available_from: '2025-05-01', available_to: '2025-05-20' })
    await put('bob', { interests: ['food', 'sea'], available_from: '2025-05-10', available_to: '2025-06-20' })
    const destination = { entity_type: 'destination', entity_id: 'Nice' }
    await client.features.declare({ entity_type: 'destination', features: [{ name: 'tags', dtype: 'strings' }] })
    await client.features.put({ ...destination, features: { tags: ['sea', 'food'] } })
    const context = { destination: 'Nice', dates: '2025-05-11/2025-05-15', interests: ['food'] }
    const one = await client.match.score({ user_a_id: 'ann', user_b_id: 'bob', context })
    const other = await client.match.score({ user_a_id: 'bob', user_b_id: 'ann', context })
    expect(without(one)).toEqual(without(other))
    const plain = await client.match.score({ user_a_id: 'ann', user_b_id: 'bob' })
    expect(one.score).toBeGreaterThan(plain.score)
  })

  it('learns from recorded outcomes, and takes its factors from what the model learned', async () => {
    await recordOutcomes(client)
    const training = await client.travel.train({ service: 'match' })
    expect(training).toMatchObject({ service: 'match', model_name: 'travel_match', status: 'training', examples: 400 })
    expect((await untilEnded(client, training.job_id!)).status).toBe('succeeded')
    const { model_id, version } = training
    const { metrics, lineage } = await client.versions.get({ model_id, version })
    expect(metrics.roc_auc).toBeGreaterThan(0.75)
    expect(lineage.dataset_id).not.toBeNull()
    await client.reload()
    await put('ann', { interests: ['art', 'food', 'wine'], pace: 0.5, personality: [0.1, 0.9, 0.1, 0.9, 0.5] })
    await put('bob', { interests: ['art', 'food', 'wine'], pace: 0.5, personality: [0.9, 0.1, 0.9, 0.1, 0.5] })
    await put('cid', { interests: ['surf'], pace: 0.0, personality: [0.1, 0.9, 0.1, 0.9, 0.5] })
    const bob = await client.match.score({ user_a_id: 'ann', user_b_id: 'bob' })
    const cid = await client.match.score({ user_a_id: 'ann', user_b_id: 'cid' })
    expect(without(await client.match.score({ user_a_id: 'bob', user_b_id: 'ann' }))).toEqual(without(bob))
    expect(bob.score).toBeGreaterThan(cid.score + 0.4)
    expect(bob.factors.interest_overlap).toBeGreaterThan(cid.factors.interest_overlap)
    expect(bob.factors.travel_style).toBeGreaterThan(cid.factors.travel_style)
    const nobody = await client.match.score({ user_a_id: 'ann', user_b_id: 'nobody' })
    expect(nobody.confidence).toBeLessThan(0.1)
    expect(bob.confidence).toBeGreaterThan(0.25)
    const text = (await app.inject({ url: '/metrics' })).body
    expect(text).toMatch(/ml_inference_requests_total\{[^}]*model="travel_match",version="1\.0\.0"[^}]*\} \d/)
    // A second version has to be better than the first on the same rows.
    const again = await client.travel.train({ service: 'match' })
    expect((await untilEnded(client, again.job_id!)).message).toMatch(/was not promoted: not better/)
  })

  it('learns how often others wish to travel with somebody, and knows a new wish with the next request', async () => {
    const random = seededRandom(4)
    const liked = (n: number) => n % 3 === 0
    const interactions = Array.from({ length: 600 }, (_, i): Interaction => {
      const [a, b] = [random.integer(60), 60 + random.integer(60)]
      const event = random.next() < (liked(b) ? 0.9 : 0.15) ? 'match_accepted' : 'match_declined'
      const at = new Date(Date.UTC(2025, 0, 1) + i * 3_600_000).toISOString()
      return { user_id: `u${a}`, item_id: `u${b}`, event, at }
    })
    await client.interactions.record({ interactions })
    await client.features.declare(USER)
    await client.features.ingest({
      entity_type: 'user',
      rows: Array.from({ length: 120 }, (_, i) => ({
        entity_id: `u${i}`,
        pace: (i % 10) / 10,
        observed_at: '2024-12-31T00:00:00Z',
      })),
    })
    const { job_id, model_id, version } = await client.travel.train({ service: 'match' })
    expect((await untilEnded(client, job_id!)).status).toBe('succeeded')
    expect((await client.versions.get({ model_id, version })).metrics.roc_auc).toBeGreaterThan(0.75)
    await client.reload()
    const score = async (b: string) => (await client.match.score({ user_a_id: 'u0', user_b_id: b })).score
    expect(await score('u63')).toBeGreaterThan((await score('u64')) + 0.3)
    const before = await score('newcomer')
    const wishes = Array.from({ length: 10 }, (_, i) => ({
      user_id: `u${i}`,
      item_id: 'newcomer',
      event: 'match_accepted',
    }))
    await client.interactions.record({ interactions: wishes })
    expect(await score('newcomer')).toBeGreaterThan(before + 0.1)
  })

  it('takes somebody unknown for one of many, where a pair of averages is nothing like that', async () => {
    const random = seededRandom(11)
    const users = Array.from({ length: 60 }, (_, i) => ({
      entity_id: `u${i}`,
      observed_at: new Date(START).toISOString(),
      interests: WORDS.slice(4 * (i % 2), 4 * (i % 2) + 4),
      pace: random.next(),
    }))
    await client.features.declare(USER)
    await client.features.ingest({ entity_type: 'user', rows: users })
    let good = 0
    const interactions = Array.from({ length: 400 }, (_, i): Interaction => {
      const a = random.integer(60)
      const b = (a + (random.next() < 0.3 ? 2 : 1) + 2 * random.integer(29)) % 60
      const alike = a % 2 === b % 2
      good += Number(alike)
      const at = new Date(START + (i + 1) * 3_600_000).toISOString()
      return { user_id: `u${a}`, item_id: `u${b}`, event: alike ? 'match_accepted' : 'match_declined', at }
    })
    await client.interactions.record({ interactions })
    const { job_id } = await client.travel.train({ service: 'match' })
    expect((await untilEnded(client, job_id!)).status).toBe('succeeded')
    await client.reload()
    const of = (user_b_id: string) => client.match.score({ user_a_id: 'u0', user_b_id })
    const [alike, other, nobody] = [await of('u2'), await of('u1'), await of('nobody')]
    expect(alike.score).toBeGreaterThan(0.9)
    expect(other.score).toBeLessThan(0.1)
    expect(Math.abs(nobody.score - good / 400)).toBeLessThan(0.1)
    for (const factor of Object.values(nobody.factors)) expect(Math.abs(factor - nobody.score)).toBeLessThan(0.1)
    const twice = await of('u0')
    expect(Math.abs(twice.score - good / 400)).toBeLessThan(0.1)
  })

  it('learns nothing from what was known only after the outcome', async () => {
    await recordOutcomes(client)
    const late = Array.from({ length: 80 }, (_, i) => ({ entity_id: `u${i}`, budget: 'low' }))
    await client.features.ingest({ entity_type: 'user', rows: late })
    const { job_id, model_id, version } = await client.travel.train({ service: 'match' })
    await untilEnded(client, job_id!)
    const { signature } = await client.versions.get({ model_id, version })
    const inputs = signature!.inputs.map(({ name }) => name)
    expect(inputs).toContain('pace_likeness')
    expect(inputs).not.toContain('budget_likeness')
  })

  it('says how many outcomes came before anything was known of the two, and is not sure of what it learned from them', async () => {
    await recordOutcomes(client)
    const others = app.as('match_late')
    await others.features.declare(USER)
    const { items } = await client.interactions.list({ limit: 500 })
    await others.interactions.record({ interactions: items.map(({ id: _, ...one }) => one) })
    const known = { interests: ['art'], travel_style: ['slow'], pace: 0.5, personality: [0.1, 0.9, 0.1, 0.9, 0.5] }
    const rows = ['u1', 'u2'].map((entity_id) => ({ entity_id, ...known }))
    await others.features.ingest({ entity_type: 'user', rows })
    const { message, job_id } = await others.travel.train({ service: 'match' })
    expect(message).toContain('; of 400 of them no feature of both users was known at the time')
    expect((await untilEnded(others, job_id!)).status).toBe('succeeded')
    await others.reload()
    expect((await others.match.score({ user_a_id: 'u1', user_b_id: 'u2' })).confidence).toBeLessThan(0.1)
  })

  it('answers by the prior when the live model cannot be asked', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => ({ size: i, other: 60 - i, good: Number(i > 30) }))
    const { id } = await client.datasets.create({ name: 'x', rows, target: 'good' })
    const trained = { model_name: 'travel_match', dataset_id: id, algorithm: 'logistic_regression' }
    const { job_id } = await client.models.train({ ...trained, model_type: 'classification' })
    expect((await untilEnded(client, job_id)).status).toBe('succeeded')
    await client.reload()
    const { score, confidence } = await client.match.score({ user_a_id: 'x', user_b_id: 'y' })
    expect(score).toBeCloseTo(0.4)
    expect(confidence).toBeCloseTo(0.05)
  })

  it('says what it lacks when there is too little to learn from', async () => {
    expect(await refusal(client.travel.train({ service: 'match' }))).toMatchObject({
      kind: 'conflict',
      code: 'TRAVEL_TOO_LITTLE_RECORDED',
    })
    await client.features.declare(USER)
    const interactions = Array.from({ length: 50 }, (_, i) => ({
      user_id: `a${i}`,
      item_id: `b${i}`,
      event: 'match_accepted',
    }))
    await client.interactions.record({ interactions })
    const { message } = await refusal(client.travel.train({ service: 'match' }))
    expect(message).toBe('There is too little to learn from: 0 of 10 outcomes of either kind, good and bad')
    expect((await client.datasets.list()).items).toEqual([])
  })

  it.each([
    [
      '10,000 interests',
      { context: { interests: Array.from({ length: 10_000 }, (_, i) => `i${i}`) } },
      'context.interests',
    ],
    ['dates that cannot be', { context: { dates: '2025-02-30' } }, 'context.dates'],
    ['a time that cannot be', { context: { dates: '2025-02-03T25:00:00Z' } }, 'context.dates'],
    ['dates that end before they begin', { context: { dates: '2025-02-03/2025-02-02' } }, 'context.dates'],
    ['a year no calendar has', { context: { dates: '275760-09-13' } }, 'context.dates'],
    ['a user without an id', { user_b_id: '' }, 'user_b_id'],
    ['an unknown field', { context: { mood: 'good' } }, 'context.mood'],
  ])('refuses %s by the name of the field', async (_, wrong, field) => {
    await expectRefusedFor(field, client.match.score({ user_a_id: 'a', user_b_id: 'b', ...(wrong as object) }))
  })

  it('answers for the same user twice as for nobody, whatever is known of them', async () => {
    await client.features.declare(USER)
    await put('a', { interests: ['art', 'food'], pace: 0.5, personality: [0.1, 0.9, 0.1, 0.9, 0.5] })
    const context = { destination: 'Paris', dates: '2024-07-15', interests: ['art', 'food'] }
    const self = await client.match.score({ user_a_id: 'a', user_b_id: 'a', context })
    const nobody = await client.match.score({ user_a_id: 'x', user_b_id: 'y' })
    expect(without(self)).toEqual(without(nobody))
    expect(self.confidence).toBeCloseTo(0.05)
  })

  it('answers with empty interests, wrong types and dates far away', async () => {
    await client.features.declare({
      entity_type: 'user',
      features: [
        { name: 'interests', dtype: 'string' },
        { name: 'pace', dtype: 'string' },
        { name: 'personality', dtype: 'numbers' },
        { name: 'available_from', dtype: 'datetime' },
        { name: 'available_to', dtype: 'datetime' },
      ],
    })
    const personality = [1e308, -1e308, 0, 0, 0]
    const far = { available_from: '1970-01-01', available_to: '9999-12-31' }
    for (const id of ['a', 'b']) await put(id, { interests: 'art', pace: 'fast', personality, ...far })
    const context = { interests: [], dates: '9999-12-31' }
    const { score, confidence } = await client.match.score({ user_a_id: 'a', user_b_id: 'b', context })
    expect(score).toBeGreaterThan(0)
    expect(confidence).toBeLessThan(0.15)
  })
})
