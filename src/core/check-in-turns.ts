// The check of an input that may hold a long list: its items are checked some at a time, and everybody else has their turn in between. The findings
// are those of `compileCheck`.
import type { TSchema } from 'typebox'
import { type Check, compileCheck } from './check.ts'
import type { FieldError } from './failure.ts'
import { own } from './own.ts'
import { nextTurn } from './turns.ts'

const ITEMS_A_TURN = 2000

type Fields = Record<string, unknown>

interface ListSchema {
  readonly type?: string
  readonly maxItems?: number
  readonly uniqueItems?: boolean
}

interface LongList {
  readonly name: string
  readonly items: readonly unknown[]
}

/** A promise only where there is a long list: nearly all inputs are checked at once. */
export function compileCheckInTurns(
  schema: TSchema,
): (value: unknown) => readonly FieldError[] | Promise<readonly FieldError[]> {
  const check = compileCheck(schema)
  const { properties = {} } = schema as { readonly properties?: Readonly<Record<string, ListSchema>> }
  const lists = Object.entries(properties).filter(([, { type, uniqueItems }]) => type === 'array' && !uniqueItems)
  return (value) => {
    const long = longest(lists, value)
    return long ? inTurns(check, value as Fields, long) : check(value)
  }
}

/** None that is longer than it may be: what is to be said of that is said of the whole list. */
function longest(lists: readonly (readonly [string, ListSchema])[], value: unknown): LongList | undefined {
  let found: LongList | undefined
  for (const [name, { maxItems = Number.POSITIVE_INFINITY }] of lists) {
    const items = typeof value === 'object' && value !== null ? own(value as Fields, name) : undefined
    if (!Array.isArray(items) || items.length > maxItems) continue
    if (items.length > (found?.items.length ?? ITEMS_A_TURN)) found = { name, items }
  }
  return found
}

async function inTurns(check: Check, value: Fields, { name, items }: LongList): Promise<readonly FieldError[]> {
  const errors: FieldError[] = []
  for (let from = 0; from < items.length; from += ITEMS_A_TURN) {
    if (from > 0) await nextTurn()
    const part: Fields = { ...value, [name]: items.slice(from, from + ITEMS_A_TURN) }
    for (const error of check(part)) {
      const [first, index, ...rest] = error.field.split('.')
      if (first === name && index !== undefined) {
        errors.push({ ...error, field: [name, Number(index) + from, ...rest].join('.') })
      } else if (from === 0) errors.push(error)
    }
    // The check fills in defaults.
    for (const field in part) if (!Object.hasOwn(value, field)) value[field] = part[field]
  }
  return errors
}
