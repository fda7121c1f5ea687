// The source of features over PostgREST's protocol: what it asks, what it believes, and what it costs when it is away.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type LogFields, silentLog } from '../../src/core/log.ts'
import { Breaker } from '../../src/ports/sources/breaker.ts'
import { checkMapping } from '../../src/ports/sources/mapping.ts'
import { openSources } from '../../src/ports/sources/open.ts'
import { aDatabase, type TestDatabase } from '../helpers/app.ts'
import { SERVICE_KEY, startPostgrest, type TestPostgrest } from '../helpers/postgrest.ts'
import { servers } from '../servers/servers.ts'

const { postgres } = await servers('postgres')

const SHARED = {
  entity_type: 'user',
  table: 'profiles',
  id_column: 'user_id',
  tenant_column: 'org',
  columns: { likes: 'likes', pace: 'settings->pace', joined: 'joined' },
}
const OWN = {
  entity_type: 'trip',
  table: 'trips',
  id_column: 'id',
  id_type: 'integer',
  tenant: 'acme',
  columns: { km: 'km' },
}

const TABLES = `
create table profiles (org text, user_id text, likes text[], settings jsonb, joined date);
create table trips (id bigint primary key, km numeric);
insert into profiles values
  ('acme', 'ann', '{art,food}', '{"pace": 0.5}', '2024-05-01'),
  ('acme', 'a "b" \\,(c)', '{sea}', null, null),
  ('acme', 'twice', '{a}', null, null), ('acme', 'twice', '{b}', null, null),
  ('other', 'ann', '{secret}', '{"pace": 0.9}', null), ('other', 'oda', '{secret}', null, null);
insert into trips select i, case i when 7 then 'NaN'::numeric else i * 10 end from generate_series(1, 500) i`

describe.skipIf(!postgres)('a source of features', () => {
  let database: TestDatabase
  let server: TestPostgrest
  let lines: string[]

  beforeAll(async () => {
    database = await aDatabase()
    server = await startPostgrest(database.url)
    await server.query(TABLES)
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    server.fault = 'none'
    server.maxRows = 1000
    server.asked.length = 0
    lines = []
  })

  const open = ({ tables = [SHARED, OWN] as object[], timeout_ms = 2000, key = SERVICE_KEY } = {}) => {
    const line = (fields: LogFields, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`)
    const log = { ...silentLog, info: line, warn: line }
    return openSources({ url: server.url, key, mapping: checkMapping({ timeout_ms, tables }), log })
  }
  const ask = async (tenant: string, type: string, ids: string[], sources = open()) =>
    Object.fromEntries(await sources.of(tenant, type)!.fetch(ids))

  it('brings the rows of the tenant, and says which are not there', async () => {
    expect(await ask('acme', 'user', ['ann', 'oda', 'a "b" \\,(c)'])).toEqual({
      ann: { likes: ['art', 'food'], pace: 0.5, joined: '2024-05-01' },
      oda: null,
      'a "b" \\,(c)': { likes: ['sea'], pace: null, joined: null },
    })
    expect(await ask('other', 'user', ['ann'])).toMatchObject({ ann: { likes: ['secret'] } })
    expect(await ask('nobody', 'user', ['ann', 'oda'])).toEqual({ ann: null, oda: null })
  })

  it('has tables for those tenants only that the operator named', () => {
    const sources = open({ tables: [{ ...SHARED, tenants: { acme: 'other' } }, OWN] })
    expect(sources.of('acme', 'user')).toBeDefined()
    expect(sources.of('other', 'user')).toBeUndefined()
    expect(sources.of('constructor', 'user')).toBeUndefined()
    expect(sources.of('other', 'trip')).toBeUndefined()
    expect(sources.of('acme', 'place')).toBeUndefined()
  })

  it('believes nothing of another tenant, even from a server that forgets its filters', async () => {
    server.fault = 'everything'
    const found = await ask('acme', 'user', ['ann', 'oda'])
    expect(found).toMatchObject({ ann: { likes: ['art', 'food'] }, oda: null })
    expect(JSON.stringify(found)).not.toContain('secret')
    expect(lines.join()).toContain('rows of another tenant than asked for')
  })

  it('takes two rows of one id for none', async () => {
    expect(await ask('acme', 'user', ['twice', 'ann'])).toMatchObject({ twice: null, ann: { pace: 0.5 } })
    expect(lines.join()).toContain('several rows of one id')
  })

  it('asks on where the server cuts its replies, and not at all for what cannot be an id', async () => {
    server.maxRows = 30
    const ids = Array.from({ length: 150 }, (_, i) => String(i + 1))
    const found = await ask('acme', 'trip', [...ids, '007', 'x', '9999'])
    expect(ids.map((id) => found[id])).toEqual(ids.map((id) => ({ km: id === '7' ? 'NaN' : Number(id) * 10 })))
    expect([found['007'], found.x, found['9999']]).toEqual([null, null, null])
    expect(server.asked.join()).not.toContain('007')
  })

  it('finds the others where one id is refused by the server', async () => {
    const undeclared = { ...OWN, id_type: 'text' }
    const found = await ask('acme', 'trip', ['1', 'x', '2', 'y', '3'], open({ tables: [undeclared] }))
    expect(found).toEqual({ 1: { km: 10 }, 2: { km: 20 }, 3: { km: 30 }, x: null, y: null })
  })

  it('puts those who ask at once into few requests', async () => {
    const source = open().of('acme', 'trip')!
    const all = await Promise.all(Array.from({ length: 200 }, (_, i) => source.fetch([String((i % 100) + 1)])))
    expect(all.every((found) => found.size === 1)).toBe(true)
    expect(server.asked.length).toBeLessThan(20)
  })

  it('brings as many rows by long ids as by short ones', async () => {
    const ids = Array.from({ length: 150 }, (_, i) => `${i}`.padEnd(256, 'é'))
    const rows = ids.map((id) => `('acme', '${id}', '{long}', null, null)`).join(',')
    await server.query(`insert into profiles values ${rows}`)
    const found = await ask('acme', 'user', ids)
    expect(Object.values(found).filter((row) => row !== null)).toHaveLength(150)
    expect(lines).toEqual([])
  })

  it.each(['status', 'garbage', 'cut off', 'endless', 'redirect'] as const)(
    'has no answer, and asks no more, while the server fails: %s',
    async (fault) => {
      const sources = open({ timeout_ms: fault === 'endless' ? 100 : 2000 })
      server.fault = fault
      for (let i = 0; i < 12; i++) expect(await ask('acme', 'user', ['ann'], sources)).toEqual({})
      expect(server.asked.length).toBe(5)
      expect(lines.filter((line) => line.startsWith('the source of features is away'))).toHaveLength(1)
      expect(lines.join()).not.toContain('ann')
      // Other tables have a breaker of their own.
      server.fault = 'none'
      if (fault !== 'endless') expect(await ask('acme', 'trip', ['1'], sources)).toEqual({ 1: { km: 10 } })
    },
  )

  it('is asked again once it is back', async () => {
    const sources = open()
    server.fault = 'status'
    for (let i = 0; i < 5; i++) await ask('acme', 'user', ['ann'], sources)
    server.fault = 'none'
    let found = {}
    while (!('ann' in found)) found = await ask('acme', 'user', ['ann'], sources)
    expect(lines.at(-1)).toContain('the source of features is back')
  })

  it('shows its key to nobody', async () => {
    expect(await ask('acme', 'user', ['ann'], open({ key: 'wrong' }))).toEqual({})
    expect(lines.join()).toContain('status 401 (PGRST301)')
    expect(lines.join()).not.toContain('wrong')
  })
})

describe('a breaker', () => {
  it('rests as long after many failures at once as after the few that are enough', () => {
    let nowMs = 0
    const breaker = new Breaker(() => nowMs)
    const entered = Array.from({ length: 12 }, () => breaker.enter())
    expect(entered.map(() => breaker.failed()).filter(Boolean)).toHaveLength(1)
    expect(breaker.enter()).toBe(false)
    nowMs = 1000
    expect(breaker.enter()).toBe(true)
    expect(breaker.enter()).toBe(false)
    expect(breaker.failed()).toBe(false)
    nowMs = 1999
    expect(breaker.enter()).toBe(false)
    nowMs = 3000
    expect(breaker.enter()).toBe(true)
    expect(breaker.succeeded()).toBe(true)
  })
})

describe('a mapping', () => {
  const errorsOf = (tables: object[]) => {
    try {
      checkMapping({ tables })
    } catch (error) {
      return (error as Error).message
    }
    return 'fine'
  }

  it.each([
    ['says nothing of tenants', [{ ...OWN, tenant: undefined }], /tables.0: needs `tenant`/],
    ['says both', [{ ...SHARED, tenant: 'acme' }], /tables.0: needs `tenant`/],
    ['gives two tenants the same rows', [{ ...SHARED, tenants: { a: 'x', b: 'x' } }], /two tenants the same rows/],
    ['answers twice for a tenant', [OWN, OWN], /tables.1: another table answers for trip/],
    ['answers for everybody and for one', [{ ...OWN, entity_type: 'user' }, SHARED], /another table answers for user/],
    ['has a column that is a question', [{ ...OWN, columns: { km: 'km,secret' } }], /tables.0.columns.km/],
    ['has a table that is a path', [{ ...OWN, table: '../rpc/x' }], /tables.0.table/],
    ['has no columns', [{ ...OWN, columns: {} }], /tables.0.columns/],
  ])('is refused when it %s', (_, tables, message) => {
    expect(errorsOf(JSON.parse(JSON.stringify(tables)))).toMatch(message)
  })

  it('may have tables of several tenants for one entity type', () => {
    expect(errorsOf([OWN, { ...OWN, tenant: 'other' }, { ...SHARED, tenants: { acme: 'x' } }])).toBe('fine')
  })
})
