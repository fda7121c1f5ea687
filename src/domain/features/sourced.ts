// Features from a source outside, for what the store does not have: what was written here wins, feature by feature. Values are held
// to their declared type to the letter, and one that does not fit is not known. An answer is kept for a while, "not there" as well.
import type { EntityType, FeatureValue } from '../../contract/features.ts'
import { own } from '../../core/own.ts'
import type { FeatureSource, SourceRow } from '../../ports/sources/index.ts'
import type { Ctx } from '../ctx.ts'
import { readKept } from './kept.ts'
import { type EntityState, ttlMs, valueErrors } from './policy.ts'

interface Asked {
  readonly source: FeatureSource
  readonly entityType: string
  readonly ids: readonly string[]
}

/** One an id. */
export function sourceKeys({ caller }: Ctx, { source, entityType, ids }: Asked): string[] {
  return ids.map((id) => `feature-source:${caller.tenantId}:${source.name}:${entityType}:${id}`)
}

export interface Sourced {
  readonly source: FeatureSource
  readonly type: EntityType
  readonly ids: readonly string[]
  /** From the store, one an id. */
  readonly states: readonly (EntityState | undefined)[]
  /** What was kept of earlier answers, one an id. */
  readonly cached: readonly (Uint8Array | undefined)[]
}

/** Values of one entity and their moment, or null where the source has nothing of it. */
type Kept = EntityState | null

export async function withSource(ctx: Ctx, { source, type, ids, states, cached }: Sourced) {
  const nowMs = ctx.clock.now().getTime()
  const lacks = states.map((state) => lacking(type, source, { state, nowMs }))
  const answers = new Map<string, Kept>()
  for (const [index, id] of ids.entries()) {
    const kept = cached[index] && readKept<Kept>(Buffer.from(cached[index]).toString('utf8'))
    if (kept !== undefined) answers.set(id, kept)
  }
  const unasked = new Set(ids.filter((id, index) => lacks[index]!.length > 0 && !answers.has(id)))
  if (unasked.size > 0) {
    for (const [id, kept] of await ask(ctx, { source, type, ids: [...unasked] })) answers.set(id, kept)
  }
  return ids.map((id, index) => {
    const values = answers.get(id)
    const wanted = lacks[index]!.filter((name) => own(values ?? undefined, name) !== undefined)
    const state = states[index]
    if (!values || (wanted.length === 0 && state)) return state
    return { ...state, ...Object.fromEntries(wanted.map((name) => [name, values[name]!])) }
  })
}

/** Declared features that the source may have and the store does not, or no longer. */
function lacking(
  type: EntityType,
  source: FeatureSource,
  { state, nowMs }: { readonly state: EntityState | undefined; readonly nowMs: number },
): string[] {
  return type.features.flatMap((feature) => {
    if (!source.features.includes(feature.name)) return []
    const [value, sinceMs] = own(state, feature.name) ?? [null, 0]
    const ttl = ttlMs(type, feature)
    return value !== null && (ttl === null || nowMs - sinceMs <= ttl) ? [] : [feature.name]
  })
}

async function ask(
  ctx: Ctx,
  { source, type, ids }: { readonly source: FeatureSource; readonly type: EntityType; readonly ids: string[] },
): Promise<Map<string, Kept>> {
  const rows = await source.fetch(ids)
  const nowMs = ctx.clock.now().getTime()
  const unfit = new Set<string>()
  const answers = new Map<string, Kept>()
  for (const [id, row] of rows) answers.set(id, row && fitting(type, { row, nowMs, unfit }))
  if (unfit.size > 0) {
    ctx.metrics.sourceRequests.inc({ entity_type: type.entity_type, outcome: 'unfit' })
    const fields = { entity_type: type.entity_type, features: [...unfit] }
    ctx.log.debug(fields, 'the source has values of another type than declared; they count as not known')
  }
  const { absent, found } = source.keepSeconds
  const asked = { source, entityType: type.entity_type, ids: [...answers.keys()] }
  const keys = sourceKeys(ctx, asked)
  await ctx.cache.setMany(
    [...answers.values()].map((kept, index) => ({
      key: keys[index]!,
      value: Buffer.from(JSON.stringify(kept)),
      ttlSeconds: kept === null ? absent : found,
    })),
  )
  return answers
}

interface Given {
  readonly row: SourceRow
  readonly nowMs: number
  readonly unfit: Set<string>
}

function fitting(type: EntityType, { row, nowMs, unfit }: Given): EntityState {
  const state: Record<string, readonly [FeatureValue, number]> = {}
  for (const { name } of type.features) {
    const value = own(row, name) ?? null
    if (value === null) continue
    if (valueErrors(type, { [name]: value }).length > 0) unfit.add(name)
    else state[name] = [value as FeatureValue, nowMs]
  }
  return state
}
