// The promise of point-in-time joins, held against made-up histories: a row sees the last word said at or before its moment, unless
// that is too old, and nothing that is said later changes what it saw.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DATABASES } from '../helpers/app.ts'
import { aTenantEach } from '../helpers/tenants.ts'

const HOUR = 3_600_000
const START = Date.parse('2025-03-01T00:00:00Z')
const TTL_HOURS = 30
const at = (hour: number) => new Date(START + hour * HOUR).toISOString()

const who = fc.integer({ min: 0, max: 2 }).map((n) => `u${n}`)
const hour = fc.integer({ min: 0, max: 100 })
const observations = fc.uniqueArray(
  fc.record({ who, hour, value: fc.option(fc.integer({ min: 0, max: 999 }), { nil: null, freq: 4 }) }),
  { minLength: 1, maxLength: 25, selector: ({ who, hour }) => `${who} ${hour}` },
)
const rows = fc.array(fc.record({ who, hour }), { minLength: 1, maxLength: 12 })

describe.each([...DATABASES])('features at the moment of a row, on the %s database', (database) => {
  const { app } = aTenantEach('in_time', database)

  it('are the last that was known then, whatever is said afterwards', { timeout: 240_000 }, async () => {
    let tenants = 0
    await fc.assert(
      fc.asyncProperty(
        observations,
        rows,
        fc.array(fc.tuple(who, fc.integer({ min: 1, max: 50 }))),
        async (...given) => {
          const [said, asked, later] = given
          const client = app.as(`in_time_${database}_${tenants++}`)
          const name = 'budget'
          await client.features.declare({
            entity_type: 'user',
            features: [{ name, dtype: 'integer' }],
            ttl_seconds: TTL_HOURS * 3600,
          })
          const ingest = (all: readonly { who: string; hour: number; value: number | null }[]) =>
            client.features.ingest({
              entity_type: 'user',
              rows: all.map(({ who, hour, value }) => ({ entity_id: who, observed_at: at(hour), budget: value })),
            })
          await ingest(said)
          const table = asked.map(({ who, hour }) => ({ who, moment: at(hour) }))
          const { id } = await client.datasets.create({ name: 'rows', rows: table })
          const joined = async () => {
            const places = { dataset_id: id, entity_column: 'who', time_column: 'moment' }
            const made = await client.features.training_table({ entity_type: 'user', ...places, features: [name] })
            const { rows } = await client.datasets.rows({ dataset_id: made.id, limit: 100 })
            return rows.map((row) => row[name])
          }
          const expected = asked.map((row) => {
            const known = said
              .filter((one) => one.who === row.who && one.hour <= row.hour)
              .reduce<(typeof said)[number] | undefined>(
                (last, one) => (last && last.hour > one.hour ? last : one),
                undefined,
              )
            return known && row.hour - known.hour <= TTL_HOURS ? known.value : null
          })
          expect(await joined()).toEqual(expected)
          const latest = Math.max(...asked.map(({ hour }) => hour))
          const future = new Map(
            later.map(([who, hours]) => [`${who} ${hours}`, { who, hour: latest + hours, value: -1 }]),
          )
          if (future.size > 0) await ingest([...future.values()])
          expect(await joined()).toEqual(expected)
        },
      ),
      { numRuns: 12 },
    )
  })
})
