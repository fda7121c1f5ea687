// The travel part of the tour: a world is recorded, the services learn from it, and are asked.
import { systemClock } from '../../core/clock.ts'
import type { Session } from '../command.ts'
import { followJob } from '../follow-job.ts'
import { type TravelWorld, travelWorld } from './travel-world.ts'

export async function travelTour(session: Session, say: (line: string) => void) {
  const { client } = session
  const world = travelWorld(systemClock.now())
  await record(session, world)
  const { places, travellers, acts } = world
  say(`   ${places.length} destinations, ${travellers.length} travellers, ${acts.length} things they did`)
  const recommend = await client.travel.train({ service: 'recommend' })
  say(`   ${recommend.message}`)
  const wanted = { user_id: 'traveller_1', limit: 3, filters: { duration: 'week' as const } }
  const destinations = await client.recommend.destinations(wanted)
  say(`   POST /recommend/destinations ${JSON.stringify(wanted)}`)
  for (const recommendation of destinations.recommendations) say(`   → ${JSON.stringify(recommendation)}`)
  const match = await client.travel.train({ service: 'match' })
  const job = match.job_id === null ? match : await followJob(session, match.job_id)
  say(`   ${job.message}`)
  const pair = { user_a_id: 'traveller_1', user_b_id: 'traveller_5', context: { destination: 'lisbon' } }
  const score = await client.match.score(pair)
  say(`   POST /match/score ${JSON.stringify(pair)}`)
  say(`   → ${JSON.stringify(score)}`)
  const notify = await client.travel.train({ service: 'notify' })
  say(`   ${notify.message}`)
  const wish = { user_id: 'traveller_1', notification_type: 'match_found' as const, urgency: 'medium' as const }
  const moment = await client.notifications.optimize(wish)
  say(`   POST /notifications/optimize ${JSON.stringify(wish)}`)
  say(`   → ${JSON.stringify(moment)}`)
  return { destinations, score, moment }
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
