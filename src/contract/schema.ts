// The few schema words every contract file uses. Every field of a public shape carries a description; a test demands it.
import { type TSchema, Type } from 'typebox'

export const DEFAULT_TENANT = 'default'

export const TenantId = Type.String({
  pattern: '^[A-Za-z0-9_.-]{1,64}$',
  description: 'Tenant: letters, digits, "_", "-", "."; at most 64.',
})

/** Text that every database and every wire can hold: no U+0000, no half of a surrogate pair. */
export const SOUND_TEXT = '^[^\\u0000\\uD800-\\uDFFF]*$'

export const Timestamp = Type.String({ format: 'date-time', description: 'ISO-8601, UTC.' })

/** A JSON object whose keys are not known in advance. */
export const AnyObject = (description: string) => Type.Record(Type.String(), Type.Unknown(), { description })

export const Nullable = <T extends TSchema>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description })

/** One of a fixed set of words. */
export const OneOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], description })

/** A closed object: unknown fields are refused. */
export const Shape = <T extends Record<string, TSchema>>(fields: T, description?: string) =>
  Type.Object(fields, { additionalProperties: false, ...(description && { description }) })

/** A page of a list: `limit` items at most, `next_cursor` null on the last page. */
export const Page = <T extends TSchema>(item: T) =>
  Shape({
    items: Type.Array(item, { description: 'The items of this page.' }),
    next_cursor: Nullable(Type.String(), 'Pass as `cursor` for the next page; null on the last.'),
  })

export const pageFields = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 500, default: 50, description: 'Items a page, at most 500.' }),
  ),
  cursor: Type.Optional(Type.String({ description: 'The `next_cursor` of the page before.' })),
}
