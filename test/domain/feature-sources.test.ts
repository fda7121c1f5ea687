// Features that Supabase (PostgREST's protocol over PostgreSQL) has and the store has not, through the API and the travel services.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Config, loadConfig } from '../../src/config.ts'
import { USER } from '../../src/travel/entities.ts'
import { aDatabase, startApp, type TestApp, type TestDatabase } from '../helpers/app.ts'
import { SERVICE_KEY, startPostgrest, type TestPostgrest } from '../helpers/postgrest.ts'
import { servers } from '../servers/servers.ts'

const { postgres, redis } = await servers('postgres', 'redis')

const MAPPING = {
  timeout_ms: 3000,
  tables: [
    {
      entity_type: 'user',
      table: 'profiles',
      id_column: 'user_id',
      tenant_column: 'org',
      columns: { interests: 'likes', pace: 'pace', budget: 'budget', personality: 'traits' },
    },
  ],
}
const TABLE = `
create table profiles (org text, user_id text, likes text[], pace double precision, budget text, traits jsonb);
insert into profiles values
  ('acme', 'ann', '{art,food}', 0.5, 'low', '[0.1, 0.2, 0.3, 0.4, 0.5]'),
  ('acme', 'bob', '{art,food}', 0.5, 'low', '[0.1, 0.2, 0.3, 0.4, 0.5]'),
  ('acme', 'bad', '{art}', 'NaN', null, '["x", 2]'),
  ('other', 'oda', '{secret}', 0.9, 'high', null)`

describe.skipIf(!postgres).each(['in-process', ...(redis ? ['Redis'] : [])])(
  'sources of features, cache: %s',
  (cache) => {
    let database: TestDatabase
    let server: TestPostgrest
    let app: TestApp
    let folder: string

    beforeAll(async () => {
      database = await aDatabase()
      server = await startPostgrest(database.url)
      await server.query(TABLE)
      folder = await mkdtemp(join(tmpdir(), 'mapping-'))
      const supabaseMapping = join(folder, 'mapping.json')
      await writeFile(supabaseMapping, JSON.stringify(MAPPING))
      const supabase = { supabaseUrl: server.url, supabaseServiceKey: SERVICE_KEY, supabaseMapping }
      app = await startApp({ config: { ...supabase, ...(cache === 'Redis' && { redisUrl: redis!.url }) } })
      for (const tenant of ['acme', 'other', 'third']) await app.as(tenant).features.declare(USER)
    })
    afterAll(async () => {
      await app.stop()
      await server[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    })
    beforeEach(() => {
      server.fault = 'none'
      server.asked.length = 0
    })

    const acme = () => app.as('acme')
    const get = (entity_id: string) => acme().features.get({ entity_type: 'user', entity_id })
    const score = (user_a_id: string, user_b_id: string) => acme().match.score({ user_a_id, user_b_id })

    it('fill in what nobody wrote, ask once, and let go of what does not fit its type', async () => {
      const ann = await get('ann')
      expect(ann.features).toMatchObject({ interests: ['art', 'food'], pace: 0.5, budget: 'low', timezone: null })
      expect(Object.keys(ann.observed_at)).toContain('pace')
      expect(await get('ann')).toEqual(ann)
      expect(server.asked).toHaveLength(1)
      const bad = await get('bad')
      expect(bad.features).toMatchObject({ interests: ['art'], pace: null, personality: null })
    })

    it('give way to what was written', async () => {
      await acme().features.put({ entity_type: 'user', entity_id: 'ann', features: { pace: 0.9, timezone: 'UTC' } })
      expect((await get('ann')).features).toMatchObject({ pace: 0.9, timezone: 'UTC', budget: 'low' })
      await acme().features.put({ entity_type: 'user', entity_id: 'ann', features: { pace: null } })
      expect((await get('ann')).features.pace).toBe(0.5)
    })

    it('show nothing of another tenant', async () => {
      server.fault = 'everything'
      const { items } = await acme().features.read({ entity_type: 'user', entity_ids: ['oda', 'bob'] })
      expect(items.map(({ found }) => found)).toEqual([false, true])
      const third = await app.as('third').features.read({ entity_type: 'user', entity_ids: ['ann', 'oda', 'bob'] })
      expect(third.items.some(({ found }) => found)).toBe(false)
      const oda = await app.as('other').features.get({ entity_type: 'user', entity_id: 'oda' })
      expect(oda.features.interests).toEqual(['secret'])
    })

    it('say once in a while that an entity is not there', async () => {
      for (let i = 0; i < 3; i++) expect((await score('nobody1', 'nobody2')).confidence).toBeCloseTo(0.05)
      expect(server.asked).toHaveLength(1)
    })

    it('are what a match is scored by, and without them it is scored for the population', async () => {
      const known = await score('ann', 'bob')
      expect(known.score).toBeGreaterThan(0.7)
      expect(known.confidence).toBeGreaterThan(0.15)
      for (const [number, fault] of (['status', 'garbage', 'endless', 'cut off'] as const).entries()) {
        server.fault = fault
        const unknown = await score(`c${number}`, `d${number}`)
        expect(unknown.score).toBeCloseTo(0.4)
        expect(unknown.confidence).toBeCloseTo(0.05)
        expect(unknown.latency_ms).toBeGreaterThan(0)
        // What was kept is still known.
        expect((await score('ann', 'bob')).score).toBe(known.score)
      }
      const { body } = await app.inject({ url: '/metrics' })
      expect(body).toMatch(/ml_feature_source_requests_total\{entity_type="user",outcome="failed"\} [1-9]/)
      expect(body).toMatch(/ml_feature_source_requests_total\{entity_type="user",outcome="unfit"\} [1-9]/)
    })
  },
)

describe('the settings of a source', () => {
  const problemOf = async (work: () => unknown) => {
    try {
      await work()
    } catch (error) {
      return (error as Error).message
    }
    return 'none'
  }
  const supabase = { supabaseUrl: 'http://127.0.0.1:1', supabaseServiceKey: 'very-secret' }

  it('go together', async () => {
    const load = (overrides: Partial<Config>) => () => loadConfig({ env: {}, overrides })
    expect(await problemOf(load({ supabaseMapping: 'x.json' }))).toContain('SUPABASE_URL: is required')
    expect(await problemOf(load({ supabaseUrl: 'http://x' }))).toContain('SUPABASE_SERVICE_KEY: is required')
  })

  it('stop the start when the mapping cannot be read or is wrong', async () => {
    const missing = await problemOf(() => startApp({ config: { ...supabase, supabaseMapping: '/nowhere.json' } }))
    expect(missing).toContain('SUPABASE_MAPPING: cannot read /nowhere.json')
    expect(missing).not.toContain('very-secret')
  })
})
