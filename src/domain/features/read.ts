// Reading what is known: now from the states, at an earlier moment from the history.
import type { EntityType, Feature, FeatureValue, FeatureVector } from '../../contract/features.ts'
import type { Input, Output } from '../../contract/operations/index.ts'
import { type FieldError, fail, invalid } from '../../core/failure.ts'
import { own } from '../../core/own.ts'
import { mapInTurns } from '../../core/turns.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { featuresAsOf, type Moment } from './as-of.ts'
import { momentMs } from './moment.ts'
import { type EntityState, fits, ttlMs } from './policy.ts'
import { IDS_AT_A_TIME, readStates } from './store.ts'
import { getEntityType } from './types.ts'

export async function getFeatures(ctx: Ctx, input: Input<'features.get'>): Promise<FeatureVector> {
  const { entity_type, entity_id, as_of } = input
  const vector = as_of === undefined ? await now(ctx, input) : await earlier(ctx, input, readMoment(as_of))
  if (!vector.found) throw fail('not_found', 'ENTITY_NOT_FOUND', `Nothing is known of ${entity_type} "${entity_id}"`)
  return vector
}

/** A leap second is a moment to the schema, and none to any clock here. */
function readMoment(as_of: string): Date {
  const ms = momentMs(as_of)
  if (ms === undefined) {
    throw invalid('request', [{ field: 'as_of', message: 'must be a moment of the years 1 to 9999', value: as_of }])
  }
  return new Date(ms)
}

async function now(ctx: Ctx, { entity_type, entity_id }: Input<'features.get'>): Promise<FeatureVector> {
  const { type, states } = await readStates(ctx, entity_type, [entity_id])
  return vectorOf({ type, entityId: entity_id, state: states[0], atMs: ctx.clock.now().getTime() })
}

function earlier(ctx: Ctx, { entity_type, entity_id }: Input<'features.get'>, at: Date): Promise<FeatureVector> {
  return inTransaction(ctx, async (ctx) => {
    const type = await getEntityType(ctx, entity_type)
    const first = await ctx.db
      .selectFrom('feature_history')
      .select('observed_at')
      .where('entity_type', '=', entity_type)
      .where('entity_id', '=', entity_id)
      .where('observed_at', '<=', at)
      .limit(1)
      .executeTakeFirst()
    const [state] = await featuresAsOf(ctx, { type, names: namesOf(type) }, [{ entityId: entity_id, at }])
    return vectorOf({ type, entityId: entity_id, state: first && state, atMs: at.getTime() })
  })
}

export async function readFeatures(ctx: Ctx, input: Input<'features.read'>): Promise<Output<'features.read'>> {
  const { type, states } = await readStates(ctx, input.entity_type, input.entity_ids)
  const names = input.features && knownNames(type, input.features)
  const atMs = ctx.clock.now().getTime()
  const wanted = names && new Set(names)
  const items = await mapInTurns(input.entity_ids, { atATime: IDS_AT_A_TIME }, (entityId, index) =>
    vectorOf({ type, entityId, state: states[index], atMs, wanted }),
  )
  return { items }
}

/** What is known now of many entities, one an id: the values alone, for services that answer with every request. */
export async function knownFeatures(
  ctx: Ctx,
  entityType: string,
  ids: readonly string[],
): Promise<FeatureVector['features'][]> {
  const { type, states } = await readStates(ctx, entityType, ids)
  const atMs = ctx.clock.now().getTime()
  return states.map((state) => {
    const features: Record<string, FeatureValue> = {}
    for (const feature of type.features) features[feature.name] = valueAt(type, feature, { state, atMs })
    return features
  })
}

/** What was known of many entities, each at a moment of its own; one vector a moment, in the order given. */
export function featuresAt(
  ctx: Ctx,
  entityType: string,
  moments: readonly Moment[],
): Promise<FeatureVector['features'][]> {
  return inTransaction(ctx, async (ctx) => {
    const type = await getEntityType(ctx, entityType)
    const states = await featuresAsOf(ctx, { type, names: namesOf(type) }, moments)
    return moments.map(
      ({ entityId, at }, index) => vectorOf({ type, entityId, state: states[index], atMs: at.getTime() }).features,
    )
  })
}

export function namesOf(type: EntityType): string[] {
  return type.features.map(({ name }) => name)
}

/** @throws `invalid` naming every feature that is not declared. */
export function knownNames(type: EntityType, names: readonly string[]): readonly string[] {
  const declared = new Set(namesOf(type))
  const errors = names.flatMap((name, index): FieldError[] =>
    declared.has(name)
      ? []
      : [{ field: `features.${index}`, message: `is not a feature of "${type.entity_type}"`, value: name }],
  )
  if (errors.length > 0) throw invalid('request', errors)
  return names
}

interface Then {
  readonly state: EntityState | undefined
  readonly atMs: number
}

/** Null where nothing is known, or no longer, or of another type: the feature was left out of a declaration and came back as another. */
export function valueAt(type: EntityType, feature: Feature, { state, atMs }: Then): FeatureValue {
  const known = own(state, feature.name)
  if (!known || known[0] === null || !fits(feature, known[0])) return null
  const ttl = ttlMs(type, feature)
  return ttl === null || atMs - known[1] <= ttl ? known[0] : null
}

export interface Known {
  readonly type: EntityType
  readonly entityId: string
  readonly state: EntityState | undefined
  /** The moment that is looked at, in milliseconds since 1970: what is older than its time to live is left out. */
  readonly atMs: number
  /** Default: all features. */
  readonly wanted?: ReadonlySet<string> | undefined
}

export function vectorOf({ type, entityId, state, atMs, wanted }: Known): FeatureVector {
  const features: Record<string, FeatureValue> = {}
  const observed_at: Record<string, string> = {}
  for (const feature of type.features) {
    const { name } = feature
    if (wanted && !wanted.has(name)) continue
    const value = valueAt(type, feature, { state, atMs })
    features[name] = value
    if (value !== null) observed_at[name] = new Date(state![name]![1]).toISOString()
  }
  return { entity_type: type.entity_type, entity_id: entityId, found: state !== undefined, features, observed_at }
}
