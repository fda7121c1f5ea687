// What a feature's value may be, and when it no longer counts. Values given as JSON are held to their type to the letter;
// cells of a file, where everything may be text, are read as their type first.
import type { EntityType, Feature, FeatureDtype, FeatureValue } from '../../contract/features.ts'
import type { FieldError } from '../../core/failure.ts'
import { own } from '../../core/own.ts'
import { parseText } from '../../tables/cell.ts'
import { momentMs } from './moment.ts'

const MAX_TEXT = 4096
const MAX_LIST = 1024
/** Clocks of callers run ahead of ours by so much at most. */
const MAX_AHEAD_MS = 5 * 60_000

/** The newest value of every feature and its moment in milliseconds since 1970. */
export type EntityState = Readonly<Record<string, readonly [FeatureValue, number]>>

const RULES: Readonly<Record<FeatureDtype, { readonly fits: (value: unknown) => boolean; readonly message: string }>> =
  {
    number: { fits: isNumber, message: 'must be a finite number' },
    integer: { fits: Number.isSafeInteger, message: 'must be a whole number' },
    boolean: { fits: (value) => typeof value === 'boolean', message: 'must be true or false' },
    string: { fits: isText, message: `must be a text of at most ${MAX_TEXT} characters` },
    datetime: { fits: isMoment, message: 'must be a moment in ISO-8601' },
    numbers: {
      fits: (value) => isList(value, isNumber),
      message: `must be a list of at most ${MAX_LIST} finite numbers`,
    },
    strings: { fits: (value) => isList(value, isText), message: `must be a list of at most ${MAX_LIST} texts` },
  }

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_TEXT
}

function isMoment(value: unknown): boolean {
  return typeof value === 'string' && momentMs(value) !== undefined
}

function isList(value: unknown, fits: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= MAX_LIST && value.every(fits)
}

export function fits({ dtype }: Feature, value: unknown): boolean {
  return RULES[dtype].fits(value)
}

/** Every fault of the values, with `field` naming the place below `path`. */
export function valueErrors(type: EntityType, values: Readonly<Record<string, unknown>>, path = ''): FieldError[] {
  const declared = declaredOf(type)
  return Object.entries(values).flatMap(([name, value]): FieldError[] => {
    const feature = declared.get(name)
    const field = `${path}${name}`
    if (!feature) return [{ field, message: `is not a feature of "${type.entity_type}"; declare it first`, value }]
    if (value === null || fits(feature, value)) return []
    return [{ field, message: RULES[feature.dtype].message, value }]
  })
}

const declarations = new WeakMap<EntityType, ReadonlyMap<string, Feature>>()

/** Made once a declaration: files have a hundred thousand rows of it. */
function declaredOf(type: EntityType): ReadonlyMap<string, Feature> {
  let known = declarations.get(type)
  if (known === undefined) {
    known = new Map(type.features.map((feature) => [feature.name, feature]))
    declarations.set(type, known)
  }
  return known
}

/** A cell of a file as the value of a feature; what cannot be read is returned as it is, for `valueErrors` to refuse. */
export function readCell({ dtype }: Feature, cell: unknown): unknown {
  if (typeof cell === 'number' && (dtype === 'string' || dtype === 'datetime')) return String(cell)
  if (typeof cell === 'boolean' && dtype === 'string') return String(cell)
  if (typeof cell !== 'string' || dtype === 'string' || dtype === 'datetime') return cell
  const text = cell.trim()
  if (text === '') return null
  if (dtype === 'boolean') return truthOf(text) ?? cell
  if (dtype === 'number' || dtype === 'integer') return Number.isFinite(Number(text)) ? Number(text) : cell
  // Nothing else can be a list, and a text that is no JSON costs an error, for every cell of the column.
  const parsed = text.startsWith('[') ? parsedOf(text) : undefined
  if (Array.isArray(parsed)) return parsed
  return dtype === 'strings' ? text.split('|').map((item) => item.trim()) : cell
}

/** The words of the table reader: one odd cell in a column must not change what the others say. */
function truthOf(text: string): boolean | undefined {
  const cell = parseText({ dtype: 'boolean' }, text)
  return cell === 1 ? true : cell === 0 ? false : undefined
}

function parsedOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** @returns milliseconds since 1970, or the fault. */
export function momentOf(text: unknown, field: string, nowMs: number): number | FieldError {
  if (text === undefined || text === null || text === '') return nowMs
  const ms = typeof text === 'string' ? momentMs(text) : undefined
  if (ms === undefined) return { field, message: RULES.datetime.message, value: text }
  if (ms > nowMs + MAX_AHEAD_MS) return { field, message: 'is in the future', value: text }
  return ms
}

/** Milliseconds for which a value counts; null: for ever. */
export function ttlMs(type: EntityType, feature: Feature): number | null {
  const seconds = feature.ttl_seconds === undefined ? type.ttl_seconds : feature.ttl_seconds
  return seconds === null ? null : seconds * 1000
}

/** Newer observations win; of two at the same moment the one written later. */
export function mergeState(
  state: EntityState,
  values: Readonly<Record<string, FeatureValue>>,
  atMs: number,
): EntityState {
  const merged: Record<string, readonly [FeatureValue, number]> = { ...state }
  for (const [name, value] of Object.entries(values)) {
    const known = own(merged, name)
    if (known === undefined || known[1] <= atMs) merged[name] = [value, atMs]
  }
  return merged
}
