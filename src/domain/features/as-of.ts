// The point-in-time join: for each row the newest value of every feature that was observed at or before the moment of the row,
// and was not older than its time to live. Nothing that became known later can enter, which is what keeps training honest.
import { type RawBuilder, sql } from 'kysely'
import type { EntityType, FeatureValue } from '../../contract/features.ts'
import type { TxCtx } from '../ctx.ts'
import { type EntityState, ttlMs } from './policy.ts'

export interface WantedFeatures {
  readonly type: EntityType
  readonly names: readonly string[]
}

export interface Moment {
  readonly entityId: string
  readonly at: Date
}

/** PostgreSQL plans a query of many lateral joins slowly; so many features are looked up by one. */
const FEATURES_A_QUERY = 20

/** One state a moment, in the order given. */
export async function featuresAsOf(
  ctx: TxCtx,
  { type, names }: WantedFeatures,
  moments: readonly Moment[],
): Promise<EntityState[]> {
  const states: Record<string, readonly [FeatureValue, number]>[] = moments.map(() => ({}))
  const wanted = type.features.filter(({ name }) => names.includes(name))
  for (let from = 0; from < wanted.length; from += FEATURES_A_QUERY) {
    const some = wanted.slice(from, from + FEATURES_A_QUERY)
    const lookups = some.map((feature, index) =>
      lookup(ctx.caller.tenantId, type, { name: feature.name, ttl: ttlMs(type, feature), alias: `f${index}` }),
    )
    const columns = some.map(
      (_, index) => sql`${sql.ref(`f${index}.value`)} as ${sql.ref(`v${index}`)},
      ${sql.ref(`f${index}.observed_at`)} as ${sql.ref(`t${index}`)}`,
    )
    const { rows } = await sql<Record<string, unknown>>`
      select r.i, ${sql.join(columns)}
      from unnest(${moments.map((_, index) => index)}::int[], ${moments.map(({ entityId }) => entityId)}::text[],
                  ${moments.map(({ at }) => at.toISOString())}::timestamptz[]) as r(i, id, at)
      ${sql.join(lookups, sql` `)}`.execute(ctx.db)
    for (const row of rows) {
      for (const [index, { name }] of some.entries()) {
        const since = row[`t${index}`]
        if (since) states[row.i as number]![name] = [row[`v${index}`] as FeatureValue, (since as Date).getTime()]
      }
    }
  }
  return states
}

interface Lookup {
  readonly name: string
  readonly ttl: number | null
  readonly alias: string
}

function lookup(tenantId: string, type: EntityType, { name, ttl, alias }: Lookup): RawBuilder<unknown> {
  const fresh = ttl === null ? sql`true` : sql`h.observed_at >= r.at - make_interval(secs => ${ttl / 1000})`
  return sql`left join lateral (
    select h.features -> ${sql.lit(name)} as value, h.observed_at
    from feature_history h
    where h.tenant_id = ${tenantId} and h.entity_type = ${type.entity_type} and h.entity_id = r.id
      and h.observed_at <= r.at and ${fresh} and h.features ? ${sql.lit(name)}
    order by h.observed_at desc limit 1
  ) ${sql.ref(alias)} on true`
}
