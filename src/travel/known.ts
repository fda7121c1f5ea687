// What the feature store knows, read so that nothing about it can fail a request: an entity type that was never declared, an
// entity nobody wrote of and a store that does not answer are all "not known". And values of any type, read as what they ought
// to be, or not at all.
import type { FeatureValue } from '../contract/features.ts'
import { asFailure } from '../core/failure.ts'
import type { Ctx } from '../domain/ctx.ts'
import { knownFeatures, momentMs } from '../domain/features/index.ts'
import { isResting } from './hurried.ts'

export type Known = Readonly<Record<string, FeatureValue>>

const NOTHING: Known = Object.freeze({})

/** One an id, in the order given. */
export async function knownOf(ctx: Ctx, entityType: string, ids: readonly string[]): Promise<Known[]> {
  try {
    return await knownFeatures(ctx, entityType, ids)
  } catch (error) {
    const { kind } = asFailure(error)
    if (kind !== 'not_found') complain(ctx, error, 'features cannot be read; answered without them')
    // Of one of them there may be a copy beside the database.
    if (kind !== 'unavailable' || ids.length === 1) return ids.map(() => NOTHING)
    return (await Promise.all(ids.map((id) => knownOf(ctx, entityType, [id])))).map(([one]) => one!)
  }
}

/** That something is answered without what could not be read: once for an outage, not with every request. */
export function complain(ctx: Ctx, error: unknown, message: string): void {
  if (isResting(error)) ctx.log.debug({ err: error }, message)
  else ctx.log.warn({ err: error }, message)
}

/** Undefined unless it is a finite number from `low` to `high`. */
export function numberIn(value: unknown, low: number, high: number): number | undefined {
  return typeof value === 'number' && value >= low && value <= high ? value : undefined
}

/** Words as they are compared: one spelling, no empty ones, each once; undefined where there are none. */
export function wordsOf(value: unknown): ReadonlySet<string> | undefined {
  if (!Array.isArray(value)) return undefined
  const words = new Set<string>()
  for (const item of value) {
    const word = typeof item === 'string' ? plainWord(item) : ''
    if (word !== '') words.add(word)
  }
  return words.size > 0 ? words : undefined
}

export function plainWord(text: string): string {
  return text.normalize('NFKC').trim().toLowerCase()
}

const DAY_MS = 86_400_000

/** Days since 1970. */
export function dayOf(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined
  const ms = momentMs(value)
  return ms === undefined ? undefined : Math.floor(ms / DAY_MS)
}
