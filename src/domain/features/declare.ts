// Declaring entity types. Features can be added and described anew; the type of one that exists is fixed, because values of
// it are stored and models were trained on them.
import { sql } from 'kysely'
import type { EntityType } from '../../contract/features.ts'
import type { Input, Output } from '../../contract/operations/index.ts'
import { type FieldError, fail, invalid } from '../../core/failure.ts'
import { json } from '../../ports/db/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { entityTypeDocument, keepType, markType } from './types.ts'

/** Columns that an ingested table has beside its features. */
const RESERVED = ['entity_id', 'observed_at']

export async function declareEntityType(ctx: Ctx, input: Input<'features.declare'>): Promise<EntityType> {
  refuseContradictions(input)
  const declared = await inTransaction(ctx, async (ctx) => {
    const known = await ctx.db
      .selectFrom('entity_types')
      .select('features')
      .where('name', '=', input.entity_type)
      .forUpdate()
      .executeTakeFirst()
    const dtypes = new Map(known?.features.map((feature) => [feature.name, feature.dtype]))
    const changed = input.features.filter(({ name, dtype }) => dtypes.has(name) && dtypes.get(name) !== dtype)
    if (changed.length > 0) {
      const which = changed.map(({ name }) => `"${name}" (${dtypes.get(name)})`).join(', ')
      throw fail(
        'conflict',
        'FEATURE_TYPE_FIXED',
        `The type of a feature cannot change: ${which}. Declare a new one under another name`,
      )
    }
    const given = {
      features: json(input.features),
      ttl_seconds: input.ttl_seconds ?? null,
      updated_at: ctx.clock.now(),
    }
    const row = await ctx.db
      .insertInto('entity_types')
      .values({ tenant_id: ctx.caller.tenantId, name: input.entity_type, ...given })
      .onConflict((conflict) =>
        conflict
          .columns(['tenant_id', 'name'])
          .doUpdateSet({ ...given, updated_at: laterThanBefore(given.updated_at) }),
      )
      .returningAll()
      .executeTakeFirstOrThrow()
    const type = entityTypeDocument(row)
    await markType(ctx, type)
    return type
  })
  await keepType(ctx, declared)
  return declared
}

/** The clock of the replica that wrote before may be ahead of ours. */
function laterThanBefore(now: Date) {
  return sql<Date>`greatest(${now.toISOString()}::timestamptz, entity_types.updated_at + interval '1 millisecond')`
}

function refuseContradictions({ features }: Input<'features.declare'>): void {
  const seen = new Set<string>()
  const errors = features.flatMap(({ name }, index): FieldError[] => {
    const field = `features.${index}.name`
    if (RESERVED.includes(name)) return [{ field, message: 'is a column of its own in ingested tables', value: name }]
    if (seen.has(name)) return [{ field, message: 'is declared twice', value: name }]
    seen.add(name)
    return []
  })
  if (errors.length > 0) throw invalid('entity type', errors)
}

export function listEntityTypes(ctx: Ctx): Promise<Output<'features.entity_types'>> {
  return inTransaction(ctx, async (ctx) => {
    const rows = await ctx.db.selectFrom('entity_types').selectAll().orderBy('name').execute()
    return { items: rows.map(entityTypeDocument) }
  })
}
