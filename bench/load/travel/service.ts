// The travel services under load, in a process of their own: 2,000 users and their features in Redis, match scoring and send-time
// learned from what was recorded, a recommender of many destinations. Says where it listens, and stops when told to.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../../../src/app.ts'
import { createClient, type MlClient } from '../../../src/client.ts'
import { loadConfig } from '../../../src/config.ts'
import { silentLog } from '../../../src/core/log.ts'
import { seededRandom } from '../../../src/core/random.ts'
import { DESTINATION, USER } from '../../../src/travel/entities.ts'
import { recommenderOf, servedGraph } from './recommender.ts'

export const USERS = 2000
const WORDS = ['art', 'food', 'hiking', 'wine', 'sea', 'music', 'museums', 'surf']
const DAY_MS = 86_400_000
const [redisUrl = '', destinations = '100000'] = process.argv.slice(2)

const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-travel-'))
const overrides = { dataDir, mlWorkers: 1, runWorker: true, redisUrl }
const app = await createApp(loadConfig({ env: {}, overrides }), { log: silentLog })
await app.begun
const url = await app.listen({ port: 0 })
const client = createClient({ baseUrl: url, timeoutMs: 300_000 })
await fill(client)
for (const service of ['match', 'notify'] as const) {
  const { job_id } = await client.travel.train({ service })
  await untilDone(client, job_id)
}
await installRecommender(client)
await client.reload()
process.send?.({ url })
process.once('disconnect', async () => {
  await app.stop()
  await rm(dataDir, { recursive: true, force: true })
  process.exit(0)
})

async function fill(client: MlClient): Promise<void> {
  const random = seededRandom(7)
  await client.features.declare(USER)
  await client.features.declare(DESTINATION)
  const since = Date.now() - 60 * DAY_MS
  const users = Array.from({ length: USERS }, (_, i) => ({
    entity_id: `user${i}`,
    observed_at: new Date(since).toISOString(),
    interests: WORDS.filter(() => random.next() < 0.4),
    travel_style: ['slow'],
    pace: random.next(),
    personality: Array.from({ length: 5 }, () => random.next()),
    budget: ['low', 'medium', 'high'][random.integer(3)]!,
    timezone: 'Europe/Rome',
    segment: `s${random.integer(4)}`,
  }))
  await client.features.ingest({ entity_type: 'user', rows: users })
  const tags = Array.from({ length: 100 }, (_, i) => ({ entity_id: `place${i}`, tags: [WORDS[i % 8]!, WORDS[i % 5]!] }))
  await client.features.ingest({ entity_type: 'destination', rows: tags })
  const outcomes = Array.from({ length: 600 }, (_, i) => {
    const a = random.integer(USERS)
    const b = (a + 1 + random.integer(USERS - 1)) % USERS
    const good = random.next() < 1 - Math.abs(users[a]!.pace - users[b]!.pace)
    const event = good ? 'match_accepted' : 'match_declined'
    return { user_id: `user${a}`, item_id: `user${b}`, event, at: new Date(since + (i + 1) * 3_600_000).toISOString() }
  })
  const seen = Array.from({ length: USERS * 5 }, (_, i) => {
    const at = since + (i % 40) * DAY_MS + (8 + random.integer(12)) * 3_600_000
    return { user_id: `user${i % USERS}`, event: 'viewed', at: new Date(at).toISOString() }
  })
  const interactions = [...outcomes, ...seen]
  for (let from = 0; from < interactions.length; from += 1000) {
    await client.interactions.record({ interactions: interactions.slice(from, from + 1000) })
  }
}

async function untilDone(client: MlClient, job_id: string): Promise<void> {
  for await (const { event, data } of client.training_jobs.events({ job_id })) {
    if (event === 'failed') throw new Error(JSON.stringify(data))
  }
}

async function installRecommender(client: MlClient): Promise<void> {
  const { id } = await client.models.create({ name: 'travel_recommend', type: 'custom' })
  const file = servedGraph(recommenderOf(Number(destinations)))
  const { version } = await client.versions.import({ model_id: id, file, trusted: true })
  await client.models.deploy({ model_id: id, version })
}
