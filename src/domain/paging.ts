// Pages of a list, newest first, by keyset: the cursor names the last item seen, so pages stay right while rows are added.
import { type SelectQueryBuilder, sql } from 'kysely'
import { fail } from '../core/failure.ts'
import type { Schema } from '../ports/db/index.ts'

export const DEFAULT_LIMIT = 50

/** Where a page ends: the sort key of its last item. */
export type Position = readonly string[]

export function encodeCursor(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/** What a database can compare with: any text without NUL. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is the one character that PostgreSQL has no room for
const ANY_PART = /^[^\u0000]*$/u

/** @throws `invalid` for anything that was not made by `encodeCursor` with as many parts, each of the given form. */
export function decodeCursor(cursor: string | undefined, parts: number, form = ANY_PART): Position | undefined {
  if (cursor === undefined) return undefined
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    const fits = (part: unknown) => typeof part === 'string' && form.test(part)
    if (Array.isArray(position) && position.length === parts && position.every(fits)) return position
  } catch {
    // falls through to the one refusal below
  }
  throw fail('invalid', 'VALIDATION_ERROR', 'cursor: is not one that this list returned', {
    details: { errors: [{ field: 'cursor', message: 'is not one that this list returned', value: cursor }] },
  })
}

export interface PageOf<T> {
  items: T[]
  next_cursor: string | null
}

/** `rows` were read with limit + 1; the surplus row only says that there is a next page. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  shape: { readonly item: (row: Row) => T; readonly position: (row: Row) => Position },
): PageOf<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(shape.item),
    next_cursor: rows.length > limit && last !== undefined ? encodeCursor(shape.position(last)) : null,
  }
}

interface PageInput {
  readonly limit?: number
  readonly cursor?: string
}

type Query<TB extends keyof Schema, Row> = SelectQueryBuilder<Schema, TB, Row>

/** One page of rows whose ids sort by their time of making, newest first. */
export async function pageById<TB extends keyof Schema, Row extends { readonly id: string }, T>(
  find: Query<TB, Row>,
  { limit = DEFAULT_LIMIT, cursor }: PageInput,
  item: (row: Row) => T,
): Promise<PageOf<T>> {
  const after = decodeCursor(cursor, 1)?.[0]
  const rows = await newest(find, 'id', { after, limit }).execute()
  return pageOf(rows, limit, { item, position: ({ id }) => [id] })
}

/** The same by `seq`, for tables whose ids do not sort by time. */
export async function pageBySeq<TB extends keyof Schema, Row extends { readonly seq: number }, T>(
  find: Query<TB, Row>,
  { limit = DEFAULT_LIMIT, cursor }: PageInput,
  item: (row: Row) => T,
): Promise<PageOf<T>> {
  const after = decodeCursor(cursor, 1, /^\d{1,15}$/)?.[0]
  const rows = await newest(find, 'seq', { after: after === undefined ? undefined : Number(after), limit }).execute()
  return pageOf(rows, limit, { item, position: ({ seq }) => [String(seq)] })
}

interface Page {
  readonly after: string | number | undefined
  readonly limit: number
}

function newest<TB extends keyof Schema, Row>(find: Query<TB, Row>, key: 'id' | 'seq', { after, limit }: Page) {
  const sorted = find.orderBy(sql.ref(key), 'desc').limit(limit + 1)
  return after === undefined ? sorted : sorted.where(sql.ref(key), '<', after)
}
