// The travel services on PostgreSQL and Redis that are killed, or hang, one after the other and both at once: every request is answered,
// soon, with what is known without them, and as before once they are back. Nothing is started anew but the servers.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Session } from '../../src/cli/command.ts'
import { travelTour } from '../../src/cli/demo/travel-tour.ts'
import { silentLog } from '../../src/core/log.ts'
import { openCache } from '../../src/ports/cache/open.ts'
import { DESTINATION } from '../../src/travel/entities.ts'
import { startPostgres } from '../servers/postgres.ts'
import { startRedis } from '../servers/redis.ts'
import type { TestServer } from '../servers/server.ts'
import { servers } from '../servers/servers.ts'
import { makePlace, type Place } from './place.ts'
import { type Service, startService, until, untilHealthy } from './processes.ts'

// Asking the pool installs what is missing; the servers of this test are its own, because it stops them.
const { postgres, redis } = await servers('postgres', 'redis')
const ANSWER_LIMIT_MS = 5_000
/** Nobody here has declared, recorded or trained anything. */
const STRANGER = 'stranger'

type Name = 'postgres' | 'redis'
const [ANN, BOB, NOBODY] = ['traveller_1', 'traveller_5', 'nobody']

describe.skipIf(!postgres || !redis)('travel without what it stands on', () => {
  const own = new Map<Name, TestServer>()
  let place: Place
  let service: Service
  let before: Answers

  beforeAll(async () => {
    const [database, cache] = await Promise.all([startPostgres({ durable: true }), startRedis()])
    own.set('postgres', database).set('redis', cache)
    place = await makePlace({ postgres: database.url, redis: cache.url })
    service = await startService(place.settings)
    await untilHealthy(service)
    const terminal = { progress: () => {}, endProgress: () => {} }
    await travelTour({ client: service.client, terminal } as unknown as Session, () => {})
    before = await ask(service)
  }, 300_000)
  afterAll(async () => {
    await service?.[Symbol.asyncDispose]()
    await place?.[Symbol.asyncDispose]()
    await Promise.all([...own.values()].map((server) => server.stop()))
  })

  const outages: readonly (readonly Name[])[] = [['redis'], ['postgres'], ['postgres', 'redis']]
  const cases = outages.flatMap((away) => (['killed', 'hanging'] as const).map((how) => ({ away, how })))

  it.each(cases)('$away $how', { timeout: 180_000 }, async ({ away, how }) => {
    const each = (work: (server: TestServer) => unknown) => Promise.all(away.map((name) => work(own.get(name)!)))
    await each((server) => (how === 'killed' ? server.kill() : server.freeze()))
    try {
      // More at once than there are connections to the database, and again, when something was learned of the outage.
      const rounds = await Promise.all(Array.from({ length: 4 }, () => ask(service)))
      const degraded = await ask(service)
      for (const { late } of [...rounds, degraded]) expect(late).toEqual([])
      // One of the two has all that is known.
      if (away.length === 1) expect(degraded.answers).toEqual(before.answers)
      // A server that hangs may yet answer on connections it had.
      else if (how === 'killed') expect(degraded.answers.match!.confidence).toBeLessThan(0.1)
    } finally {
      await each((server) => (how === 'killed' ? server.restart() : server.thaw()))
    }
    await untilHealthy(service)
    // What the health says is up to a second old. Before Redis is used again nothing is kept there for the next outage.
    await until(async () => (await service.client.health()).redis_connected, { what: 'Redis in use' })
    const asBefore = async () => JSON.stringify((await ask(service)).answers) === JSON.stringify(before.answers)
    await until(asBefore, { what: 'the answers of before' })
  })

  it('recommends the destinations of before while none can be read', { timeout: 60_000 }, async () => {
    const headers = { 'X-Tenant-ID': 'plain' }
    const rows = [{ entity_id: 'nice', name: 'Nice', tags: ['art'] }]
    await service.client.features.declare(DESTINATION, { headers })
    await service.client.features.ingest({ entity_type: 'destination', rows }, { headers })
    const recommend = () => service.client.recommend.destinations({ user_id: ANN! }, { headers })
    const fresh = await recommend()
    expect(fresh.recommendations).toMatchObject([{ destination: 'Nice' }])
    const cache = await openCache({ url: own.get('redis')!.url, log: silentLog })
    try {
      await until(() => cache.status().connected, { what: 'Redis' })
      const key = 'travel:destinations:plain'
      const [bytes] = await cache.getMany([key])
      const long = { ...JSON.parse(Buffer.from(bytes!).toString()), readAtMs: 0 }
      await cache.setMany([{ key, value: Buffer.from(JSON.stringify(long)), ttlSeconds: 60 }])
      await own.get('postgres')!.kill()
      expect(await recommend()).toEqual(fresh)
    } finally {
      await cache.close()
      await own.get('postgres')!.restart()
    }
  })
})

interface Answers {
  /** What does not change from one moment to the next. */
  readonly answers: Readonly<Record<string, { readonly confidence: number }>>
  readonly late: readonly string[]
}

async function ask({ client }: Service): Promise<Answers> {
  const late: string[] = []
  const timed = async <T extends { confidence: number }>(name: string, work: Promise<T>, ...keep: (keyof T)[]) => {
    const started = performance.now()
    const answer = await work
    const tookMs = performance.now() - started
    if (tookMs > ANSWER_LIMIT_MS) late.push(`${name} took ${Math.round(tookMs)} ms`)
    expect(answer.confidence).toBeGreaterThan(0)
    // What was done is a moment longer ago each time, and a little less is known from it.
    const confidence = Math.round(answer.confidence * 100) / 100
    return [name, { ...Object.fromEntries(keep.map((key) => [key, answer[key]])), confidence }] as const
  }
  const requestId = 'always-the-same'
  const notification = { notification_type: 'message', urgency: 'low' } as const
  const match = (user_b_id: string) =>
    client.match.score({ user_a_id: ANN!, user_b_id, context: { destination: 'lisbon' } })
  const optimize = (user_id: string) => client.notifications.optimize({ user_id, ...notification }, { requestId })
  const recommend = (user_id: string) => client.recommend.destinations({ user_id, limit: 3 })
  const stranger = { 'X-Tenant-ID': STRANGER }
  const answers = await Promise.all([
    timed('match', match(BOB!), 'score', 'factors'),
    timed('match with nobody', match(NOBODY!), 'score', 'factors'),
    timed('recommend', recommend(ANN!), 'recommendations'),
    timed('recommend to nobody', recommend(NOBODY!), 'recommendations'),
    timed('notify', optimize(ANN!), 'channel'),
    timed('notify nobody', optimize(NOBODY!), 'channel'),
    timed('recommend without a model', client.recommend.destinations({ user_id: ANN! }, { headers: stranger })),
    timed('match without a model', client.match.score({ user_a_id: 'a', user_b_id: 'b' }, { headers: stranger })),
  ])
  return { answers: Object.fromEntries(answers), late }
}
