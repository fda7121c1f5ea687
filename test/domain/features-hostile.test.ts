// What must not get into the feature store, and must not stop what may: broken lines, wrong values, moments and ids that cannot be.
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { DATABASES } from '../helpers/app.ts'
import { aTenantEach, expectRefusedFor } from '../helpers/tenants.ts'

describe.each([...DATABASES])('hostile features on the %s database', (database) => {
  const { client, app } = aTenantEach('hostile', database)

  const declare = () =>
    client.features.declare({
      entity_type: 'user',
      features: [
        { name: 'pace', dtype: 'number' },
        { name: 'home', dtype: 'string' },
        { name: 'likes', dtype: 'strings' },
        { name: 'traits', dtype: 'numbers' },
      ],
    })
  const ingest = (lines: readonly string[] | Uint8Array<ArrayBuffer>, filename = 'users.jsonl') => {
    const file = new Blob([lines instanceof Uint8Array ? lines : lines.join('\n')])
    return client.features.ingest({ entity_type: 'user', file, filename })
  }
  const known = async (entity_id: string) => {
    const { features } = await client.features.get({ entity_type: 'user', entity_id })
    return Object.fromEntries(Object.entries(features).filter(([, value]) => value !== null))
  }

  it('are left out line by line of a file of JSON lines, whose lists are lists', async () => {
    await declare()
    const report = await ingest([
      '\uFEFF{"entity_id":"a","likes":["art","food"],"traits":[0.1,0.2]}\r',
      '',
      '{"entity_id":"b","likes":["art",1]}',
      '{"entity_id":"c","traits":{"a":1}}',
      '{"entity_id":"d","pace":NaN}',
      '["entity_id","e"]',
      '{"entity_id":"f","pace":1e999}',
      '{"entity_id":"g","mood":1}',
      '{"pace":1}',
      '{"entity_id":7,"pace":"0.5","likes":"x|y","home":null}',
      '{"entity_id":"h","__proto__":{"pace":1}}',
      '{"entity_id":"i","observed_at":"2024-02-31","pace":1}',
      '{"entity_id":"j"',
    ])
    expect(report).toMatchObject({ accepted: 2, rejected: 10 })
    expect(report.errors.map(({ row, field }) => [row, field])).toEqual([
      [2, 'likes'],
      [3, 'traits'],
      [4, ''],
      [5, ''],
      [6, 'pace'],
      [7, 'mood'],
      [8, 'entity_id'],
      [10, '__proto__'],
      [11, 'observed_at'],
      [12, ''],
    ])
    expect(await known('a')).toEqual({ likes: ['art', 'food'], traits: [0.1, 0.2] })
    expect(await known('7')).toEqual({ pace: 0.5, likes: ['x', 'y'] })
  })

  it('that would live longer than a moment can be counted back are not declared', async () => {
    const features = [{ name: 'pace', dtype: 'number' }] as const
    const forever = { entity_type: 'user', features: [...features], ttl_seconds: 1e300 }
    await expectRefusedFor('ttl_seconds', client.features.declare(forever))
    await client.features.declare({ ...forever, ttl_seconds: 31_536_000_000 })
    const observed_at = '0001-01-02T00:00:00Z'
    await client.features.put({ entity_type: 'user', entity_id: 'a', features: { pace: 1 }, observed_at })
    const as_of = '0001-01-03T00:00:00Z'
    const { features: then } = await client.features.get({ entity_type: 'user', entity_id: 'a', as_of })
    expect(then).toEqual({ pace: 1 })
  })

  it('come packed as well, and say so where the packing is broken', async () => {
    await declare()
    const packed = gzipSync('{"entity_id":"a","likes":["art"]}\n'.repeat(3000))
    expect(await ingest(packed, 'users.jsonl.gz')).toMatchObject({ accepted: 3000, rejected: 0 })
    await expectRefusedFor('file', ingest(packed.subarray(0, 60), 'users.jsonl.gz'))
  })

  it('are refused row by row where they are rows', async () => {
    await declare()
    const { accepted, errors } = await client.features.ingest({
      entity_type: 'user',
      rows: [
        { entity_id: 'a\u0000', pace: 0.2 },
        { entity_id: 'b', pace: '0.2' },
        { entity_id: 'c', pace: 0.7 },
        { entity_id: '\ud800', pace: 0.1 },
        { entity_id: 'd', pace: 0.1, observed_at: '0000-01-01' },
      ],
    })
    expect(accepted).toBe(1)
    expect(errors.map(({ row, field }) => [row, field])).toEqual([
      [1, 'entity_id'],
      [2, 'pace'],
      [4, 'entity_id'],
      [5, 'observed_at'],
    ])
  })

  it.each(['0000-01-01T00:00:00Z', '2024-06-30T23:59:60Z'])('are not asked for as of %s', async (as_of) => {
    await declare()
    await expectRefusedFor('as_of', client.features.get({ entity_type: 'user', entity_id: 'a', as_of }))
  })

  it('are not asked for by ids that no database can hold', async () => {
    const bad = 'a\u0000b'
    const wish = { notification_type: 'reminder', urgency: 'low' } as const
    await expectRefusedFor('user_a_id', client.match.score({ user_a_id: bad, user_b_id: 'b' }))
    await expectRefusedFor('user_id', client.recommend.destinations({ user_id: '\udc00' }))
    await expectRefusedFor('user_id', client.notifications.optimize({ user_id: bad, ...wish }))
    await expectRefusedFor('entity_ids.1', client.features.read({ entity_type: 'user', entity_ids: ['a', bad] }))
    const interactions = [{ user_id: 'a', event: 'viewed', item_id: bad }]
    await expectRefusedFor('interactions.0.item_id', client.interactions.record({ interactions }))
  })

  it('have no moments that the calendar has not', async () => {
    await declare()
    const features = { pace: 1 }
    const put = (observed_at: string) =>
      client.features.put({ entity_type: 'user', entity_id: 'a', features, observed_at })
    await expectRefusedFor('observed_at', put('0000-01-01T00:00:00Z'))
    await expectRefusedFor('observed_at', put('2024-02-30T00:00:00Z'))
  })

  it('are nothing where the cache holds garbage', async () => {
    const own = app.as('garbage')
    await own.features.declare({ entity_type: 'user', features: [{ name: 'pace', dtype: 'number' }] })
    await own.features.put({ entity_type: 'user', entity_id: 'a', features: { pace: 0.5 } })
    const { cache } = app.app.services
    const key = 'features:garbage:user:a'
    const kept = await cache.get(key)
    for (const garbage of ['', '{', '0000000000000009"text"', `${Buffer.from(kept!).toString()}}`]) {
      await cache.delete([key])
      await cache.setMany([{ key, value: Buffer.from(garbage), ttlSeconds: 60 }])
      expect((await own.features.get({ entity_type: 'user', entity_id: 'a' })).features).toEqual({ pace: 0.5 })
    }
  })
})
