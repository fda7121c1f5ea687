// One cell: what counts as missing, and how text becomes a number, a boolean, a moment or a category. Files are read with
// the same rules written as SQL (sql.ts), so a value means the same in a training file and in a prediction request.
import type { ColumnDtype } from '../contract/datasets.ts'

/**
 * Missing in every column. Exact spellings, because 'Na' (sodium), 'Nan' and 'Null' (names) are values. A string column
 * in which one of these is a real value (the country code 'NA') says so by listing it among its `categories`.
 */
export const MISSING = ['', '?', 'NA', 'N/A', 'n/a', 'null', 'NULL', 'NaN', 'nan', 'NAN', '#N/A', '<NA>'] as const
/** Missing in columns of numbers, booleans and moments as well; in a string column 'None' is a category like any other. */
export const MISSING_UNLESS_TEXT = [...MISSING, 'None', 'none', 'na', '-'] as const

export const TRUE_WORDS = ['true', 't', 'yes', 'y', '1'] as const
export const FALSE_WORDS = ['false', 'f', 'no', 'n', '0'] as const

const TIME = '([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?'
const YEAR_MONTH_DAY = '[1-9][0-9]{3}(-[0-9]{1,2}-|/[0-9]{1,2}/)[0-9]{1,2}'
/** Year first, with an optional time of day, in UTC. RE2 and JavaScript agree on all these patterns. */
export const YEAR_FIRST = `${YEAR_MONTH_DAY}([ T]${TIME}Z?)?`
/** The same with an offset from UTC. */
export const YEAR_FIRST_OFFSET = `${YEAR_MONTH_DAY}[ T]${TIME}[+-](0[0-9]|1[0-4]):[0-5][0-9]`
/** 31.12.2024: the dotted form is day first everywhere. */
export const DAY_FIRST_DOTTED = `[0-9]{1,2}\\.[0-9]{1,2}\\.[1-9][0-9]{3}( ${TIME})?`
/** 12/31/2024 or 31/12/2024: readable only where a whole column shows the order. */
export const SLASHED = `[0-9]{1,2}/[0-9]{1,2}/[1-9][0-9]{3}( ${TIME})?`

/** 1,5: a number only in files that are known to write decimals so (`Reading.decimalComma`). */
export const DECIMAL_COMMA = '[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?'

export type SlashOrder = 'mdy' | 'dmy'
/** A typed cell: numbers, integers and moments (ms since 1970, UTC) are numbers, booleans 0/1, missing null. */
export type Cell = number | string | null
export interface CellColumn {
  readonly dtype: ColumnDtype
  readonly categories?: readonly string[] | undefined
}

/** Why a value does not fit its column, in words that complete "income …". */
export class BadCell {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

const missing = new Set<string>(MISSING)
const missingUnlessText = new Set<string>(MISSING_UNLESS_TEXT)
const trueWords = new Set<string>(TRUE_WORDS)
const falseWords = new Set<string>(FALSE_WORDS)
/** Each text is read in one way only: with two ways to split digits, a long run of them would take time by its square. */
const numberForm = /^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$/
const yearFirst = new RegExp(`^(?:${YEAR_FIRST}|${YEAR_FIRST_OFFSET})$`)
const dotted = new RegExp(`^(?:${DAY_FIRST_DOTTED})$`)
const slashed = new RegExp(`^(?:${SLASHED})$`)
const decimalComma = new RegExp(`^${DECIMAL_COMMA}$`)
/** 1,234 is as likely one thousand; 0,234 and 12,5 are not. */
const thousands = /^[+-]?[1-9][0-9]{0,2},[0-9]{3}$/

/** A JSON value of a request as the typed cell of `column`; a `BadCell` where it does not fit. Never throws. */
export function parseCell(column: CellColumn, value: unknown): Cell | BadCell {
  if (value === null || value === undefined) return null
  switch (typeof value) {
    case 'string':
      return parseText(column, value)
    case 'number':
      return parseNumberValue(column, value)
    case 'boolean':
    case 'bigint':
      return parseText(column, String(value))
    default:
      return new BadCell('must be a single value')
  }
}

function parseNumberValue(column: CellColumn, value: number): Cell | BadCell {
  if (Number.isNaN(value)) return null
  if (column.dtype === 'number' && Number.isFinite(value)) return value
  return parseText(column, String(value))
}

/** The text of one cell of a file as the typed cell of `column`. */
export function parseText(column: CellColumn, raw: string): Cell | BadCell {
  const text = trimCell(raw)
  const isText = column.dtype === 'string' || column.dtype === 'text'
  if ((isText ? missing : missingUnlessText).has(text)) {
    return isText && column.categories?.includes(text) ? text : null
  }
  switch (column.dtype) {
    case 'string':
    case 'text':
      return text
    case 'number':
      return parseNumber(text)
    case 'integer':
      return parseInteger(text)
    case 'boolean':
      return parseBoolean(text)
    case 'datetime':
      return parseMoment(text) ?? new BadCell(momentHint(text))
  }
}

function parseNumber(text: string): number | BadCell {
  if (!numberForm.test(text)) return new BadCell(isInfinite(text) ? 'must be finite' : 'must be a number')
  const value = Number(text)
  return Number.isFinite(value) ? value : new BadCell('must be finite')
}

function parseInteger(text: string): number | BadCell {
  const value = parseNumber(text)
  if (value instanceof BadCell) return value
  if (!Number.isInteger(value)) return new BadCell('must be a whole number')
  return Number.isSafeInteger(value) ? value : new BadCell('is beyond 2^53 and cannot be held exactly')
}

function parseBoolean(text: string): number | BadCell {
  const word = text.toLowerCase()
  if (trueWords.has(word)) return 1
  return falseWords.has(word) ? 0 : new BadCell('must be true or false')
}

function momentHint(text: string): string {
  return slashed.test(text)
    ? 'does not say which number is the month: write the year first, such as 2024-01-31'
    : 'must be a date such as 2024-01-31 or 2024-01-31T10:20:30Z'
}

/** Milliseconds since 1970 (UTC), or undefined where the text is no date. `order` reads the slashed form. */
export function parseMoment(text: string, order?: SlashOrder): number | undefined {
  const parts = text.split(/[-/.: TZ+]+/)
  const numbers = parts.map(Number)
  const [a, b, c] = numbers as [number, number, number]
  if (yearFirst.test(text)) return moment([a, b, c], text)
  if (dotted.test(text)) return moment([c, b, a], text)
  if (order && slashed.test(text)) return moment(order === 'mdy' ? [c, a, b] : [c, b, a], text)
  return undefined
}

function moment([year, month, day]: readonly [number, number, number], text: string): number | undefined {
  const midnight = Date.UTC(year, month - 1, day)
  const date = new Date(midnight)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const time = /[ T](\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])(\d\d):(\d\d))?$/.exec(text)
  if (!time) return midnight
  const [, hours, minutes, seconds, fraction, sign, offsetHours, offsetMinutes] = time
  const clock = Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds ?? 0) * 1000
  const ms = fraction ? Number(fraction.padEnd(3, '0').slice(0, 3)) : 0
  const offset = sign ? (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === '-' ? -60_000 : 60_000) : 0
  return midnight + clock + ms - offset
}

export function isSlashed(text: string): boolean {
  return slashed.test(text)
}

/** 'inf', '-Infinity' and numbers too large for a double: numeric in kind, yet no value to learn from. */
export function isInfinite(text: string): boolean {
  return /^[+-]?(inf|infinity)$/i.test(text) || (numberForm.test(text) && !Number.isFinite(Number(text)))
}

/** The text of a number with a decimal comma as one with a point; any other text as it is. */
export function withPoint(text: string): string {
  const trimmed = trimCell(text)
  return decimalComma.test(trimmed) ? trimmed.replace(',', '.') : text
}

/** A number whose comma can only be a decimal one. */
export function showsDecimalComma(text: string): boolean {
  const trimmed = trimCell(text)
  return decimalComma.test(trimmed) && !thousands.test(trimmed)
}

/** Spaces, tabs and line ends around a cell never count. */
export function trimCell(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isSpace(text.charCodeAt(from))) from++
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return from === 0 && to === text.length ? text : text.slice(from, to)
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13
}
