// Values of now in Redis or in memory, the database behind them: fast, and never wrong, whatever becomes of the copy.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readRevised, revised } from '../../src/ports/cache/index.ts'
import { json } from '../../src/ports/db/index.ts'
import { aDatabase, startApp, type TestApp, type TestDatabase } from '../helpers/app.ts'
import { aTenantEach } from '../helpers/tenants.ts'
import { startRedis } from '../servers/redis.ts'
import type { TestServer } from '../servers/server.ts'
import { servers } from '../servers/servers.ts'

const { postgres, redis } = await servers('postgres', 'redis')

const USER = { entity_type: 'user', entity_id: 'u1' }
const DECLARED = { entity_type: 'user', features: [{ name: 'trips', dtype: 'integer' as const }] }
const KEY = (tenant: string) => `features:${tenant}:user:u1`

/** Another value in the database, past everything that keeps the copy right: what a read then says shows where it looked. */
async function writeBehind({ app }: TestApp, tenant: string, trips: number): Promise<void> {
  await app.services.db.tenant(tenant, (tx) =>
    tx
      .updateTable('feature_states')
      .set({ state: json({ trips: [trips, 0] as const }) })
      .where('tenant_id', '=', tenant)
      .execute(),
  )
}

describe('values of now in memory, over the embedded database', () => {
  const { app, client } = aTenantEach('online', 'embedded')
  const trips = async () => (await client.features.get(USER)).features.trips

  it('are answered from there, and from the database once they are gone', async () => {
    await client.features.declare(DECLARED)
    await client.features.put({ ...USER, features: { trips: 1 } })
    await writeBehind(app, 'online1', 2)
    expect(await trips()).toBe(1)
    await app.app.services.cache.delete([KEY('online1')])
    expect(await trips()).toBe(2)
  })

  it('come from the database while a write is under way, also one that never ends', async () => {
    await client.features.declare(DECLARED)
    await client.features.put({ ...USER, features: { trips: 1 } })
    const key = KEY('online2')
    const { cache } = app.app.services
    await cache.setMany([{ key, value: revised(2, ''), revision: 2, ttlSeconds: 60 }])
    await writeBehind(app, 'online2', 5)
    expect(await trips()).toBe(5)
    // The reader knew an older revision than the one under way, and left its mark alone.
    expect(readRevised((await cache.get(key))!)).toEqual({ revision: 2, value: '' })
    await client.features.put({ ...USER, features: { trips: 6 } })
    expect(readRevised((await cache.get(key))!).revision).toBe(2)
    expect(await trips()).toBe(6)
  })

  it('are not made old by a reader who comes late', async () => {
    await client.features.declare(DECLARED)
    for (const trips of [1, 2]) await client.features.put({ ...USER, features: { trips } })
    const late = revised(1, JSON.stringify({ trips: [1, 0] }))
    await app.app.services.cache.setMany([{ key: KEY('online3'), value: late, revision: 1, ttlSeconds: 60 }])
    expect(await trips()).toBe(2)
  })

  it('come back in order where ten thousand are asked for', async () => {
    await client.features.declare(DECLARED)
    const entity_ids = Array.from({ length: 10_000 }, (_, i) => `u${i}`)
    const rows = entity_ids.map((entity_id, trips) => ({ entity_id, trips }))
    await client.features.ingest({ entity_type: 'user', rows })
    const { items } = await client.features.read({ entity_type: 'user', entity_ids })
    expect(items.map(({ features }) => features.trips)).toEqual(rows.map(({ trips }) => trips))
  })

  it('are known not to be there, until they are', async () => {
    await client.features.declare(DECLARED)
    const read = async () => (await client.features.read({ entity_type: 'user', entity_ids: ['u1'] })).items[0]!.found
    expect(await read()).toBe(false)
    await client.features.ingest({ entity_type: 'user', rows: [{ entity_id: 'u1', trips: 1 }] })
    expect(await read()).toBe(true)
  })
})

describe.skipIf(!postgres || !redis)('values of now in Redis, for two replicas over PostgreSQL', () => {
  let server: TestServer
  let database: TestDatabase
  let one: TestApp
  let other: TestApp

  beforeAll(async () => {
    server = await startRedis()
    database = await aDatabase()
    const start = () => startApp({ database: database.url, config: { redisUrl: server.url, runWorker: false } })
    one = await start()
    other = await start()
    for (const app of [one, other]) await until(() => app.app.services.cache.status().connected)
    await one.client.features.declare(DECLARED)
  })
  afterAll(async () => {
    await Promise.all([one.stop(), other.stop()])
    await database[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const until = async (ready: () => boolean) => {
    while (!ready()) await sleep(10)
  }
  const put = (trips: number) => one.client.features.put({ ...USER, features: { trips } })
  const trips = async (app: TestApp) => (await app.client.features.get(USER)).features.trips

  it('are seen by the other replica at once, without the database', async () => {
    for (let count = 1; count <= 5; count++) {
      await put(count)
      expect(await trips(other)).toBe(count)
    }
    await writeBehind(one, 'default', 99)
    expect(await trips(other)).toBe(5)
  })

  it('are declared anew for the other replica as well, with its next request', async () => {
    await put(6)
    expect(await trips(other)).toBe(6)
    const features = [...DECLARED.features, { name: 'pace', dtype: 'number' as const }]
    await one.client.features.declare({ ...DECLARED, features })
    expect((await other.client.features.get(USER)).features).toEqual({ trips: 6, pace: null })
  })

  it('hold for what a user did, too: the other replica knows with its next request', async () => {
    const asked = { user_id: 'walker', notification_type: 'reminder', urgency: 'low' } as const
    const reasons = async () => (await other.client.notifications.optimize(asked)).reason
    expect(await reasons()).toContain('Nothing is known')
    for (const [count, words] of ['1 active hour is known', '2 active hours known'].entries()) {
      const at = new Date(Date.now() - (count + 1) * 86_400_000).toISOString()
      await one.client.interactions.record({ interactions: [{ user_id: 'walker', event: 'viewed', at }] })
      expect(await reasons()).toContain(words)
    }
  })

  it('are right when Redis has lost everything', async () => {
    await put(7)
    await server.kill()
    expect(await trips(other)).toBe(7)
    await put(8)
    expect(await trips(other)).toBe(8)
    await server.restart()
    for (const app of [one, other]) await until(() => app.app.services.cache.status().connected)
    expect(await trips(other)).toBe(8)
  })

  it('are right when Redis comes back with what was true before', async () => {
    await put(10)
    expect(await trips(other)).toBe(10)
    server.freeze()
    await put(11)
    await put(12)
    expect(await trips(one)).toBe(12)
    server.thaw()
    await until(() => one.app.services.cache.status().connected)
    expect([await trips(one), await trips(other)]).toEqual([12, 12])
  })

  it('meet writers and readers of both replicas and end at the last value', async () => {
    const writes = Array.from({ length: 30 }, async (_, i) => {
      const app = i % 2 ? one : other
      await app.client.features.put({
        ...USER,
        features: { trips: i },
        observed_at: new Date(1.7e12 + i).toISOString(),
      })
      await trips(i % 3 ? one : other)
    })
    await put(0)
    await Promise.all(writes)
    const last = await trips(one)
    expect(await trips(other)).toBe(last)
    await one.app.services.cache.delete([KEY('default')])
    expect(await trips(other)).toBe(last)
  })
})
