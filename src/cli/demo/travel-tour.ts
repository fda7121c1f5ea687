// The travel part of the tour: a world is recorded, the services learn from it, and are asked.
import type { TravelService } from '../../contract/travel.ts'
import { systemClock } from '../../core/clock.ts'
import type { Session } from '../command.ts'
import { type TravelWorld, travelWorld } from './travel-world.ts'
import { untilLive } from './until-live.ts'

export async function travelTour(session: Session, say: (line: string) => void) {
  const { client } = session
  const world = travelWorld(systemClock.now())
  await record(session, world)
  const { places, travellers, acts } = world
  say(`   ${places.length} destinations, ${travellers.length} travellers, ${acts.length} things they did`)
  const recommender = await learn(session, 'recommend', say)
  const { ranking } = await client.versions.evaluation(recommender)
  const { users, figures, popularity } = ranking!
  say(
    `   NDCG@10 ${figures.ndcg.toFixed(4)} for what ${users} users did later, ${popularity.ndcg.toFixed(4)} by popularity`,
  )
  const wanted = { user_id: 'traveller_1', limit: 3, filters: { duration: 'week' as const } }
  const destinations = await client.recommend.destinations(wanted)
  say(`   POST /recommend/destinations ${JSON.stringify(wanted)}`)
  for (const recommendation of destinations.recommendations) say(`   → ${JSON.stringify(recommendation)}`)
  await learn(session, 'match', say)
  const pair = { user_a_id: 'traveller_1', user_b_id: 'traveller_5', context: { destination: 'lisbon' } }
  const score = await client.match.score(pair)
  say(`   POST /match/score ${JSON.stringify(pair)}`)
  say(`   → ${JSON.stringify(score)}`)
  await learn(session, 'notify', say)
  const wish = { user_id: 'traveller_1', notification_type: 'match_found' as const, urgency: 'medium' as const }
  const moment = await client.notifications.optimize(wish)
  say(`   POST /notifications/optimize ${JSON.stringify(wish)}`)
  say(`   → ${JSON.stringify(moment)}`)
  return { destinations, score, moment }
}

async function learn(session: Session, service: TravelService, say: (line: string) => void) {
  const { job_id, model_id, version } = await session.client.travel.train({ service })
  say(`   ${(await untilLive(session, job_id)).message}`)
  return { model_id, version }
}

async function record({ client }: Session, { places, travellers, acts, observedAt }: TravelWorld): Promise<void> {
  const names = (dtype: 'string' | 'strings' | 'number' | 'numbers', ...list: string[]) =>
    list.map((name) => ({ name, dtype }))
  await client.features.declare({
    entity_type: 'destination',
    features: [
      ...names('string', 'name', 'country', 'budget'),
      ...names('strings', 'tags', 'durations'),
      ...names('number', 'latitude', 'longitude'),
    ],
  })
  await client.features.declare({
    entity_type: 'user',
    features: [
      ...names('strings', 'interests', 'travel_style'),
      ...names('numbers', 'personality'),
      ...names('string', 'budget', 'home_country', 'timezone', 'segment'),
      ...names('number', 'pace'),
    ],
  })
  const since = { observed_at: observedAt }
  await client.features.ingest({ entity_type: 'destination', rows: places.map((place) => ({ ...place, ...since })) })
  await client.features.ingest({ entity_type: 'user', rows: travellers.map((one) => ({ ...one, ...since })) })
  await client.interactions.record({ interactions: [...acts] })
}
