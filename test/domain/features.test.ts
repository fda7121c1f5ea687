// The feature store through the API: what is known now, what was known when, and tables to train on without a look ahead.
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import { DATABASES } from '../helpers/app.ts'
import { refusal } from '../helpers/failing.ts'
import { aTenantEach } from '../helpers/tenants.ts'

const DAY = 86_400_000
const START = Date.parse('2025-01-01T00:00:00Z')
const at = (days: number) => new Date(START + days * DAY).toISOString()

describe.each([...DATABASES])('features on the %s database', (database) => {
  const { client } = aTenantEach('features', database)

  const declareUser = (ttl_seconds: number | null = null) =>
    client.features.declare({
      entity_type: 'user',
      ttl_seconds,
      features: [
        { name: 'budget', dtype: 'number' },
        { name: 'city', dtype: 'string' },
        { name: 'likes', dtype: 'strings' },
        { name: 'active', dtype: 'boolean' },
      ],
    })

  it('are written in parts and read together', async () => {
    await declareUser()
    await client.features.put({ entity_type: 'user', entity_id: 'u1', features: { budget: 10, likes: ['art'] } })
    const written = await client.features.put({ entity_type: 'user', entity_id: 'u1', features: { city: 'Rome' } })
    expect(written.features).toEqual({ budget: 10, city: 'Rome', likes: ['art'], active: null })
    expect(await client.features.get({ entity_type: 'user', entity_id: 'u1' })).toEqual(written)
    const { items } = await client.features.read({
      entity_type: 'user',
      entity_ids: ['nobody', 'u1'],
      features: ['city'],
    })
    expect(items).toMatchObject([
      { entity_id: 'nobody', found: false, features: { city: null } },
      { entity_id: 'u1', found: true, features: { city: 'Rome' } },
    ])
  })

  it('may be called as things that every object has', async () => {
    const features = [{ name: 'constructor', dtype: 'string' } as const, { name: 'toString', dtype: 'number' } as const]
    await client.features.declare({ entity_type: 'driver', features })
    const driver = { entity_type: 'driver', entity_id: 'd1' }
    expect((await client.features.put({ ...driver, features: { constructor: 'Ferrari' } })).features).toEqual({
      constructor: 'Ferrari',
      toString: null,
    })
    await client.features.put({ ...driver, features: { constructor: 'Lotus', toString: 7 } })
    expect((await client.features.get(driver)).features).toEqual({ constructor: 'Lotus', toString: 7 })
    const lines = '{"entity_id":"d2","toString":3}\n'
    await client.features.ingest({ entity_type: 'driver', file: new Blob([lines]) })
    expect((await client.features.get({ ...driver, entity_id: 'd2' })).features).toEqual({
      constructor: null,
      toString: 3,
    })
    const lost = client.features.declare({ entity_type: 'driver', features: [{ name: '__proto__', dtype: 'number' }] })
    expect(Object.keys((await refusal(lost)).fields)).toEqual(['features.0.name'])
  })

  it('are seen at once after a write that follows a read', async () => {
    await declareUser()
    const user = { entity_type: 'user', entity_id: 'u1' }
    for (let budget = 0; budget < 5; budget++) {
      await client.features.put({ ...user, features: { budget } })
      expect((await client.features.get(user)).features.budget).toBe(budget)
    }
  })

  it('keep the newest observation, in whatever order they arrive', async () => {
    await declareUser()
    const user = { entity_type: 'user', entity_id: 'u1' }
    await client.features.put({ ...user, features: { budget: 3, city: 'Oslo' }, observed_at: at(3) })
    await client.features.put({ ...user, features: { budget: 1, active: true }, observed_at: at(1) })
    const now = await client.features.get(user)
    expect(now.features).toEqual({ budget: 3, city: 'Oslo', active: true, likes: null })
    expect(now.observed_at).toEqual({ budget: at(3), city: at(3), active: at(1) })
    expect((await client.features.get({ ...user, as_of: at(2) })).features).toMatchObject({ budget: 1, city: null })
    expect(await refusal(client.features.get({ ...user, as_of: at(0) }))).toMatchObject({ code: 'ENTITY_NOT_FOUND' })
  })

  it('no longer count once they are older than their time to live', async () => {
    await declareUser(2 * 86_400)
    const user = { entity_type: 'user', entity_id: 'u1' }
    await client.features.put({ ...user, features: { budget: 1 }, observed_at: at(0) })
    expect((await client.features.get({ ...user, as_of: at(2) })).features.budget).toBe(1)
    expect((await client.features.get({ ...user, as_of: at(2.01) })).features.budget).toBeNull()
    expect((await client.features.get(user)).features.budget).toBeNull()
  })

  it('can be unset', async () => {
    await declareUser()
    const user = { entity_type: 'user', entity_id: 'u1' }
    await client.features.put({ ...user, features: { budget: 1 }, observed_at: at(0) })
    await client.features.put({ ...user, features: { budget: null }, observed_at: at(1) })
    expect((await client.features.get(user)).features.budget).toBeNull()
    expect((await client.features.get({ ...user, as_of: at(0.5) })).features.budget).toBe(1)
  })

  it('are refused with every fault at once', async () => {
    await declareUser()
    const said = await refusal(
      client.features.put({
        entity_type: 'user',
        entity_id: 'u1',
        features: { budget: 'many', likes: [1], height: 2, city: 'Rome' },
        observed_at: new Date(Date.now() + DAY).toISOString(),
      }),
    )
    expect(said.kind).toBe('invalid')
    const { errors } = said.details as { errors: { field: string }[] }
    expect(errors.map(({ field }) => field)).toEqual([
      'features.budget',
      'features.likes',
      'features.height',
      'observed_at',
    ])
    expect(await refusal(client.features.get({ entity_type: 'user', entity_id: 'u1' }))).toMatchObject({
      kind: 'not_found',
    })
    const unknown = client.features.put({ entity_type: 'pet', entity_id: '1', features: {} })
    expect(await refusal(unknown)).toMatchObject({ code: 'ENTITY_TYPE_NOT_FOUND' })
  })

  it('may be added to an entity type, but not change their type', async () => {
    await declareUser()
    const grown = await client.features.declare({
      entity_type: 'user',
      features: [
        { name: 'budget', dtype: 'number' },
        { name: 'age', dtype: 'integer' },
      ],
    })
    expect(grown.features.map(({ name }) => name)).toEqual(['budget', 'age'])
    const changed = client.features.declare({ entity_type: 'user', features: [{ name: 'age', dtype: 'string' }] })
    expect(await refusal(changed)).toMatchObject({ kind: 'conflict', code: 'FEATURE_TYPE_FIXED' })
    expect((await client.features.entity_types()).items).toEqual([grown])
  })

  it('that were left out and came back as another type have no values of the one before', async () => {
    const user = { entity_type: 'user', entity_id: 'u1' }
    const declare = (features: Parameters<typeof client.features.declare>[0]['features']) =>
      client.features.declare({ entity_type: 'user', features })
    const [asNumber, other] = [{ name: 'size', dtype: 'number' } as const, { name: 'city', dtype: 'string' } as const]
    await declare([asNumber, other])
    await client.features.put({ ...user, features: { size: 3, city: 'Rome' }, observed_at: at(0) })
    await declare([other])
    expect((await client.features.get(user)).features).toEqual({ city: 'Rome' })
    await declare([asNumber, other])
    expect((await client.features.get(user)).features).toEqual({ size: 3, city: 'Rome' })
    await declare([other])
    await declare([{ name: 'size', dtype: 'string' }, other])
    for (const as_of of [undefined, at(1)]) {
      const { features, observed_at } = await client.features.get({ ...user, ...(as_of && { as_of }) })
      expect(features).toEqual({ size: null, city: 'Rome' })
      expect(observed_at).toEqual({ city: at(0) })
    }
  })

  it('are ingested from a file, with faulty rows reported and left out', async () => {
    await declareUser()
    const csv = [
      'entity_id,observed_at,budget,likes,active',
      `u1,${at(1)},12.5,art|food,true`,
      `u2,${at(1)},cheap,,false`,
      `,${at(1)},1,,`,
      `u1,${at(2)},,"[""wine""]",`,
    ].join('\n')
    const file = new Blob([csv])
    const report = await client.features.ingest({ entity_type: 'user', file, filename: 'users.csv' })
    expect(report).toMatchObject({ accepted: 2, rejected: 2 })
    expect(report.errors).toMatchObject([
      { row: 2, field: 'budget', value: 'cheap' },
      { row: 3, field: 'entity_id' },
    ])
    const user = await client.features.get({ entity_type: 'user', entity_id: 'u1' })
    expect(user.features).toEqual({ budget: 12.5, likes: ['wine'], active: true, city: null })
    expect(user.observed_at).toMatchObject({ budget: at(1), likes: at(2) })
    const again = await client.features.ingest({ entity_type: 'user', file, filename: 'users.csv' })
    expect(again).toEqual(report)
    expect(await client.features.get({ entity_type: 'user', entity_id: 'u1' })).toEqual(user)
    const wrong = new Blob(['user,budget\nu1,2\n'])
    const said = await refusal(client.features.ingest({ entity_type: 'user', file: wrong, filename: 'wrong.csv' }))
    expect(said.details).toMatchObject({ errors: [{ field: 'user' }, { field: 'entity_id' }] })
  })

  it('are ingested as they are written, also where ids and texts look like something else throughout', async () => {
    await client.features.declare({
      entity_type: 'shop',
      features: [
        { name: 'code', dtype: 'string' },
        { name: 'tags', dtype: 'strings' },
        { name: 'size', dtype: 'number' },
      ],
    })
    const ids = ['1.50', '2.0', '1e3', '-0', '10000000000000001']
    const words = ['2024-01-01', '2024-01-02', '2024-01-03', '2024-01-04', '2024-01-05']
    const cells = [ids, words, ['1', '2', '3', '4', '5'], ['0.10', '2.0', '3', '4', '5']]
    const csv = ['entity_id,code,tags,size', ...ids.map((_, i) => cells.map((column) => column[i]).join(','))].join(
      '\n',
    )
    const report = await client.features.ingest({ entity_type: 'shop', file: new Blob([csv]), filename: 'shops.csv' })
    expect(report).toEqual({ accepted: 5, rejected: 0, errors: [] })
    const { items } = await client.features.read({ entity_type: 'shop', entity_ids: ids })
    expect(items.map(({ features }) => features)).toEqual(
      ids.map((_, i) => ({ code: words[i], tags: [String(i + 1)], size: [0.1, 2, 3, 4, 5][i] })),
    )
    const truths = 'entity_id,code\nTRUE,FALSE\nfalse,true\n'
    await client.features.ingest({ entity_type: 'shop', file: new Blob([truths]), filename: 'shops.csv' })
    const shop = await client.features.get({ entity_type: 'shop', entity_id: 'TRUE' })
    expect(shop.features.code).toBe('FALSE')
    await client.features.declare({ entity_type: 'flag', features: [{ name: 'on', dtype: 'boolean' }] })
    const flags = new Blob(['entity_id,on\na,TRUE\nb,no\nc,perhaps\n'])
    expect(await client.features.ingest({ entity_type: 'flag', file: flags, filename: 'flags.csv' })).toMatchObject({
      accepted: 2,
      errors: [{ row: 3, field: 'on', value: 'perhaps' }],
    })
    const read = await client.features.read({ entity_type: 'flag', entity_ids: ['a', 'b'] })
    expect(read.items.map(({ features }) => features.on)).toEqual([true, false])
  })

  it('survive writers that meet', async () => {
    await declareUser()
    const ids = Array.from({ length: 20 }, (_, i) => `u${i}`)
    await Promise.all(
      Array.from({ length: 6 }, (_, writer) =>
        client.features.ingest({
          entity_type: 'user',
          rows: (writer % 2 ? ids : ids.toReversed()).map((entity_id) => ({
            entity_id,
            observed_at: at(writer),
            budget: writer,
          })),
        }),
      ),
    )
    const { items } = await client.features.read({ entity_type: 'user', entity_ids: ids })
    expect(items.map(({ features }) => features.budget)).toEqual(ids.map(() => 5))
  })

  it('join a table as they were known at the time of each row', async () => {
    await declareUser(5 * 86_400)
    const { next: random } = seededRandom(7)
    const day = () => Math.floor(random() * 40) / 2
    const observations = Array.from({ length: 120 }, () => ({
      entity_id: `u${Math.floor(random() * 6)}`,
      observed_at: at(day()),
      ...(random() < 0.7 && { budget: Math.floor(random() * 1000) }),
      ...(random() < 0.4 && { city: `c${Math.floor(random() * 9)}` }),
    }))
    await client.features.ingest({ entity_type: 'user', rows: observations })
    const rows = Array.from({ length: 80 }, (_, i) => ({
      who: `u${Math.floor(random() * 7)}`,
      when: at(day()),
      bought: i % 2,
    }))
    const dataset = await client.datasets.create({ name: 'rows', rows, target: 'bought' })
    const joined = await client.features.training_table({
      entity_type: 'user',
      dataset_id: dataset.id,
      entity_column: 'who',
      time_column: 'when',
      features: ['budget', 'city'],
    })
    expect(joined).toMatchObject({ rows: 80, target: 'bought', name: 'rows with features of user' })
    /** The rule in words: the last one said at or before the row, if it is no older than five days. */
    const known = (row: (typeof rows)[number], name: 'budget' | 'city') => {
      const said = observations
        .filter((o) => o.entity_id === row.who && o[name] !== undefined && o.observed_at <= row.when)
        .sort((a, b) => (a.observed_at < b.observed_at ? -1 : 1))
      const last = said.at(-1)
      const fresh = last && Date.parse(row.when) - Date.parse(last.observed_at) <= 5 * DAY
      return fresh ? last[name] : null
    }
    const { rows: found } = await client.datasets.rows({ dataset_id: joined.id, limit: 500 })
    expect(found.map(({ budget, city }) => ({ budget, city }))).toEqual(
      rows.map((row) => ({ budget: known(row, 'budget'), city: known(row, 'city') })),
    )
    expect(found.filter(({ budget }) => budget === null).length).toBeGreaterThan(5)
    expect(found.filter(({ budget }) => budget !== null).length).toBeGreaterThan(20)
  })

  it('refuse to join on what is not a moment', async () => {
    await declareUser()
    const dataset = await client.datasets.create({ name: 'rows', rows: [{ who: 'u1', budget: 1, day: 3 }] })
    const said = await refusal(
      client.features.training_table({
        entity_type: 'user',
        dataset_id: dataset.id,
        entity_column: 'who',
        time_column: 'day',
      }),
    )
    expect(said.details).toMatchObject({ errors: [{ field: 'time_column' }, { field: 'features', value: 'budget' }] })
  })

  it('come with interactions, which are recorded once', async () => {
    const interactions = [
      { id: 'a', user_id: 'u1', item_id: 'rome', event: 'booked', at: at(1), channel: 'web', value: 120 },
      { user_id: 'u2', event: 'opened', context: { mail: 7 } },
    ]
    expect(await client.interactions.record({ interactions })).toEqual({ recorded: 2, known: 0 })
    expect(await client.interactions.record({ interactions: interactions.slice(0, 1) })).toEqual({
      recorded: 0,
      known: 1,
    })
    const { items } = await client.interactions.list({ user: 'u1' })
    expect(items).toEqual([interactions[0]])
    const first = await client.interactions.list({ limit: 1 })
    const second = await client.interactions.list({ limit: 1, cursor: first.next_cursor! })
    expect([...first.items, ...second.items].map(({ user_id }) => user_id)).toEqual(['u2', 'u1'])
    const future = client.interactions.record({
      interactions: [{ user_id: 'u1', event: 'booked', at: '2999-01-01T00:00:00Z' }],
    })
    expect(await refusal(future)).toMatchObject({ details: { errors: [{ field: 'interactions.0.at' }] } })
  })
})
