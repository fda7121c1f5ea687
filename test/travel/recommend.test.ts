// Recommendations through the API: by the prior at first, by a model once users did something, and always an answer.
import { describe, expect, it } from 'vitest'
import { travelWorld } from '../../src/cli/demo/travel-world.ts'
import type { MlClient } from '../../src/client.ts'
import type { ModelVersion } from '../../src/contract/models.ts'
import { NO_SPAN } from '../../src/core/trace.ts'
import type { ServingCtx } from '../../src/domain/serving/index.ts'
import { DESTINATION, USER } from '../../src/travel/entities.ts'
import { recommendByPrior } from '../../src/travel/recommend/prior.ts'
import { DATABASES } from '../helpers/app.ts'
import { untilEnded } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { aTenantEach } from '../helpers/tenants.ts'

const WORLD = travelWorld()
const PLACES = new Map(WORLD.places.map((place) => [place.entity_id, place]))

async function declare(client: MlClient): Promise<void> {
  await client.features.declare(USER)
  await client.features.declare(DESTINATION)
  await client.features.ingest({ entity_type: 'destination', rows: WORLD.places.map((place) => ({ ...place })) })
}

async function record(client: MlClient): Promise<void> {
  await declare(client)
  await client.features.ingest({ entity_type: 'user', rows: WORLD.travellers.map((one) => ({ ...one })) })
  await client.interactions.record({ interactions: [...WORLD.acts] })
}

/** What was measured is kept with the version, and is what the gate went by. */
async function expectEvaluation(client: MlClient, { model_id, version, metrics, algorithm }: ModelVersion) {
  const { ranking, split, leaderboard, gate } = await client.versions.evaluation({ model_id, version })
  expect(ranking).toMatchObject({ k: 10, users: metrics.evaluated_users, champion: null })
  expect(ranking!.figures).toEqual({
    ndcg: metrics.ndcg_at_10,
    recall: metrics.recall_at_10,
    coverage: metrics.coverage,
  })
  expect(ranking!.popularity.ndcg).toBe(metrics.popularity_ndcg_at_10)
  expect(gate).toMatchObject({
    promote: true,
    metric: 'ndcg_at_10',
    value: metrics.ndcg_at_10,
    reason: 'first version',
  })
  expect(split.method).toBe('time')
  expect(split.test_rows / (split.train_rows + split.test_rows)).toBeCloseTo(0.2, 1)
  expect(WORLD.acts.filter(({ at }) => at! >= ranking!.held_out_from!).length).toBeGreaterThanOrEqual(split.test_rows)
  const chosen = leaderboard.filter((trial) => trial.chosen)
  expect(chosen).toMatchObject([{ algorithm, value: metrics.ndcg_at_10 }])
  expect(leaderboard[0]).toEqual(chosen[0])
  expect(new Set(leaderboard.map((trial) => trial.algorithm)).size).toBeGreaterThan(3)
}

describe.each([...DATABASES])('recommendations on the %s database', (database) => {
  const { app, client } = aTenantEach('recommend', database)

  describe('without a model', () => {
    it('are an empty list where there are no destinations', async () => {
      expect(await client.recommend.destinations({ user_id: 'anybody' })).toEqual({
        recommendations: [],
        confidence: 0.1,
      })
    })

    it('go by interests, within the filters, and say so', async () => {
      await declare(client)
      const features = { interests: ['diving', 'beach', 'surf'] }
      await client.features.put({ entity_type: 'user', entity_id: 'diver', features })
      const { recommendations, confidence } = await client.recommend.destinations({
        user_id: 'diver',
        limit: 3,
        filters: { budget: 'low', duration: 'month' },
      })
      expect(confidence).toBe(0.2)
      expect(recommendations).toHaveLength(3)
      expect(recommendations[0]!.reason).toContain('interest in')
      for (const { destination_id } of recommendations) {
        const place = PLACES.get(destination_id)!
        expect(place.budget).toBe('low')
        expect(place.durations).toContain('month')
      }
    })

    it('are what users deal with where no destinations are declared, ratings included', async () => {
      const acts = [
        { user_id: 'a', item_id: 'rome', event: 'rated', value: 80 },
        { user_id: 'b', item_id: 'rome', event: 'clicked' },
        { user_id: 'b', item_id: 'oslo', event: 'rated', value: 20 },
        { user_id: 'b', item_id: 'nowhere', event: 'sent' },
      ]
      await client.interactions.record({ interactions: acts })
      const { recommendations } = await client.recommend.destinations({ user_id: 'c' })
      expect(recommendations.map(({ destination_id }) => destination_id)).toEqual(['rome', 'oslo'])
    })

    it('go by more than what one user does over and over', async () => {
      const acts = (user_id: string, item_id: string, count: number) =>
        Array.from({ length: count }, () => ({ user_id, item_id, event: 'viewed' }))
      const people = Array.from({ length: 30 }, (_, i) => acts(`u${i}`, 'rome', 1)).flat()
      await client.interactions.record({ interactions: [...acts('bot', 'oslo', 200), ...people] })
      const { recommendations } = await client.recommend.destinations({ user_id: 'c' })
      expect(recommendations.map(({ destination_id }) => destination_id)).toEqual(['rome', 'oslo'])
    })

    it('come although the cache holds garbage, and whoever asked first has gone', async () => {
      const tenantId = 'recommend-first'
      const own = app.as(tenantId)
      await declare(own)
      const { cache } = app.app.services
      for (const garbage of ['{', '7', 'null', '{"readAtMs": 9e15}']) {
        const key = `travel:destinations:${tenantId}`
        await cache.setMany([{ key, value: Buffer.from(garbage), ttlSeconds: 60 }])
        const gone = { tenantId, requestId: 'r', actor: 'a', permissions: new Set() }
        const ctx = { ...app.app.services, caller: gone, signal: AbortSignal.abort(), span: NO_SPAN, gone: () => true }
        const wish = { userId: 'x', words: [], filters: {}, limit: 3 }
        expect((await recommendByPrior(ctx as unknown as ServingCtx, wish)).recommendations).toHaveLength(3)
      }
    })

    it('cannot be learned from nothing', async () => {
      expect(await refusal(client.travel.train({ service: 'recommend' }))).toMatchObject({
        code: 'TRAVEL_TOO_LITTLE_RECORDED',
      })
    })
  })

  it('are learned, judged, explained and versioned like every model', { timeout: 60_000 }, async () => {
    await record(client)
    const training = await client.travel.train({ service: 'recommend' })
    expect(training).toMatchObject({ status: 'training', version: '1.0.0', model_name: 'travel_recommend' })
    expect(await untilEnded(client, training.job_id)).toMatchObject({ status: 'succeeded', dataset_id: null })
    await client.reload()
    const version = await client.versions.get({ model_id: 'travel_recommend', version: '1.0.0' })
    expect(version).toMatchObject({
      status: 'deployed',
      lineage: { seed: 42, dataset_id: null, training_job_id: training.job_id },
    })
    const { metrics: measured, algorithm } = version
    expect(measured.ndcg_at_10!).toBeGreaterThan(1.2 * measured.popularity_ndcg_at_10!)
    expect(algorithm).not.toBeNull()
    await expectEvaluation(client, version)

    const known = await client.recommend.destinations({ user_id: 'traveller_1' })
    expect(known.recommendations).toHaveLength(10)
    expect(known.confidence).toBeGreaterThan(0.5)
    const scores = known.recommendations.map(({ score }) => score)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
    const booked = WORLD.acts.filter(({ user_id, event }) => user_id === 'traveller_1' && event === 'booked')
    for (const { item_id } of booked) {
      expect(known.recommendations.map(({ destination_id }) => destination_id)).not.toContain(item_id)
    }

    const nobody = await client.recommend.destinations({ user_id: 'nobody', limit: 5 })
    expect(nobody.recommendations).toHaveLength(5)
    expect(nobody.confidence).toBe(0.1)
    expect(nobody.recommendations[0]!.reason).toBe('Popular with travellers at the moment')
    expect(nobody.recommendations[0]!.score).toBeGreaterThan(0.5)
    expect(new Set(known.recommendations.map(({ reason }) => reason)).size).toBeGreaterThan(2)

    const features = { interests: ['hiking', 'nature', 'ski'], budget: 'medium' }
    await client.features.put({ entity_type: 'user', entity_id: 'newcomer', features })
    const newcomer = await client.recommend.destinations({ user_id: 'newcomer', limit: 5 })
    expect(newcomer.confidence).toBe(0.3)
    const mountains = newcomer.recommendations.filter(({ destination_id }) =>
      PLACES.get(destination_id)!.tags.some((tag) => features.interests.includes(tag)),
    )
    expect(mountains.length).toBeGreaterThanOrEqual(4)

    const filtered = await client.recommend.destinations({ user_id: 'traveller_1', filters: { budget: 'high' } })
    for (const { destination_id } of filtered.recommendations) expect(PLACES.get(destination_id)!.budget).toBe('high')

    const again = await client.travel.train({ service: 'recommend' })
    expect((await untilEnded(client, again.job_id)).message).toContain('too little happened since 1.0.0 was trained')
    await client.reload()
    const metrics = await app.inject({ method: 'GET', url: '/metrics' })
    expect(metrics.body).toMatch(/ml_inference_requests_total\{[^}]*model="travel_recommend",version="1.0.0"\} \d/)
    await client.models.rollback({ model_id: 'travel_recommend', environment: 'production' })
    expect((await client.recommend.destinations({ user_id: 'traveller_1' })).recommendations).toHaveLength(10)
  })

  describe('with bad input', () => {
    it('name every field that is wrong', async () => {
      const payload = { user_id: '', limit: 0, filters: { budget: 'huge', duration: 'day', weather: 'fine' } }
      const reply = await app.inject({ method: 'POST', url: '/recommend/destinations', payload })
      expect(reply.statusCode).toBe(422)
      const fields = reply.json().details.errors.map(({ field }: { field: string }) => field)
      expect(fields).toEqual(expect.arrayContaining(['user_id', 'limit', 'filters.budget', 'filters.duration']))
    })

    it('pass over features of other types and of any number', async () => {
      await client.features.declare({
        entity_type: 'user',
        features: [
          { name: 'interests', dtype: 'string' },
          { name: 'budget', dtype: 'number' },
          { name: 'travel_style', dtype: 'strings' },
        ],
      })
      await client.features.declare(DESTINATION)
      await client.features.ingest({
        entity_type: 'destination',
        rows: WORLD.places.slice(0, 5).map((place) => ({ ...place })),
      })
      const travel_style = Array.from({ length: 1000 }, (_, at) => `style ${at}`)
      const features = { interests: 'art', budget: 3, travel_style }
      await client.features.put({ entity_type: 'user', entity_id: 'odd', features })
      const { recommendations } = await client.recommend.destinations({ user_id: 'odd' })
      expect(recommendations).toHaveLength(5)
    })

    it('show nothing of another tenant', async () => {
      await declare(app.as('recommend_other'))
      expect((await client.recommend.destinations({ user_id: 'traveller_1' })).recommendations).toEqual([])
    })
  })
})
