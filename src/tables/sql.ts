// Reading rules as SQL: the same rules as cell.ts, applied to whole columns. A query is built in layers, `c` (as in the
// file), `t` (trimmed text), `x` (typed, NULL where missing or wrong), so that no expression is written or computed twice.
import type { ColumnDtype } from '../contract/datasets.ts'
import {
  DAY_FIRST_DOTTED,
  DECIMAL_COMMA,
  FALSE_WORDS,
  MISSING,
  MISSING_UNLESS_TEXT,
  SLASHED,
  type SlashOrder,
  TRUE_WORDS,
  YEAR_FIRST,
  YEAR_FIRST_OFFSET,
} from './cell.ts'
import { identifier, quote } from './engine.ts'
import { type Reading, type ReadingColumn, ROW_BYTES } from './reading.ts'
import type { SourceFile } from './source.ts'
import { stripOf } from './strips.ts'

/** A column of the file asked for as a dtype. `index` is its position in `Reading.columns`. */
export interface TypedColumn {
  readonly index: number
  readonly source: ReadingColumn['source']
  readonly dtype: ColumnDtype
  readonly categories?: readonly string[] | undefined
  readonly slashOrder?: SlashOrder | undefined
}

/** Said by the engine where a cell is not of the dtype asked for, with the index of the column and the cell behind it. */
export const WRONG_CELL = 'wrong cell in column '

export const LARGEST_INTEGER = Number.MAX_SAFE_INTEGER

/** The file as a relation with columns c0, c1, … (only those asked for). */
export function fileRelation(file: SourceFile, reading: Reading, indexes: readonly number[]): string {
  const wanted = indexes.length > 0 ? indexes : [0]
  const picked = wanted.map((i) => (reading.format === 'csv' ? `c${i}` : `${keyExpression(reading, i)} AS c${i}`))
  return `(SELECT ${picked.join(', ')} FROM ${reader(file, reading, wanted)})`
}

/** The cells of several columns of text in one column, `c` of the first; `k` counts the columns. */
function stackedRelation(file: SourceFile, reading: Reading, indexes: readonly number[]): string {
  const cells = `unnest([${indexes.map((i) => `c${i}`).join(', ')}]) AS c${indexes[0]}`
  const numbers = `unnest([${indexes.map((_, k) => k).join(', ')}]) AS k`
  return `(SELECT ${numbers}, ${cells} FROM ${reader(file, reading, indexes)})`
}

/** Parquet knows more kinds of text than one: enumerations, UUIDs. */
function keyExpression(reading: Reading, index: number): string {
  const key = identifier(keyOf(reading, index))
  return reading.format === 'parquet' && reading.columns[index]!.source === 'text' ? `CAST(${key} AS VARCHAR)` : key
}

function keyOf(reading: Reading, index: number): string {
  const column = reading.columns[index]!
  return column.key ?? column.name
}

function reader(file: SourceFile, reading: Reading, indexes: readonly number[]): string {
  const path = quote(file.path)
  switch (reading.format) {
    case 'parquet':
      return `read_parquet(${path})`
    case 'csv':
      return csvReader(file, reading, indexes)
    case 'json':
    case 'jsonl': {
      const columns = indexes.map((i) => `${quote(keyOf(reading, i))}: 'JSON'`)
      return `read_json(${path}, ${jsonOptions(file, reading)}, records = true, auto_detect = false,
        columns = {${columns.join(', ')}})`
    }
  }
}

const JSON_OPTIONS = `maximum_object_size = ${ROW_BYTES}`

export function jsonOptions(file: SourceFile, reading: Pick<Reading, 'format'>): string {
  const format = reading.format === 'json' ? 'array' : 'newline_delimited'
  return `format = '${format}', ${JSON_OPTIONS}, compression = '${file.gzip ? 'gzip' : 'uncompressed'}'`
}

function csvReader(file: SourceFile, reading: Reading, indexes: readonly number[]): string {
  const strip = stripOf(file.strips, indexes[0]!)
  const { path, from, to } = strip ?? { path: file.path, from: 0, to: reading.columns.length }
  if (indexes.some((index) => index < from || index >= to))
    throw new Error('Columns of several strips in one statement')
  const columns = Array.from({ length: to - from }, (_, k) => `'c${from + k}': 'VARCHAR'`).join(', ')
  // No `new_line`: told '\\r\\n' it finds no rows; left alone it takes the kind of line end that comes first.
  // Small buffers: the default of 32 MB each would alone take the memory an upload may use.
  return `read_csv(${quote(path)}, auto_detect = false, columns = {${columns}}, header = ${strip === undefined},
    delim = ${quote(reading.delimiter ?? ',')}, quote = '"', escape = '"', strict_mode = true,
    max_line_size = ${ROW_BYTES}, buffer_size = ${2 * ROW_BYTES}, compression = '${file.gzip && !strip ? 'gzip' : 'none'}')`
}

/** `c` columns to text `t`: trimmed, but for numbers, whose cast does not mind spaces; it does mind a decimal comma. */
function textExpression({ index, source, dtype }: TypedColumn, { decimalComma }: Reading): string {
  const c = `c${index}`
  if (source !== 'text' && source !== 'json') return `CAST(${c} AS VARCHAR)`
  const text = source === 'json' ? `(${c} ->> '$')` : c
  if (isNumeric(dtype)) return decimalComma ? withPoint(text) : text
  if (source === 'text' || (dtype !== 'string' && dtype !== 'text')) return trimmed(text)
  // 3.0 as a category is '3', as JSON.stringify would write it.
  return `CASE WHEN starts_with(CAST(${c} AS VARCHAR), '"') THEN ${trimmed(text)}
    ELSE regexp_replace(${text}, '^(-?[0-9]+)\\.0$', '\\1') END`
}

function withPoint(text: string): string {
  const isDecimal = `contains(${text}, ',') AND regexp_full_match(trim(${text}, ${SPACES}), ${quote(DECIMAL_COMMA)})`
  return `CASE WHEN ${isDecimal} THEN replace(${text}, ',', '.') ELSE ${text} END`
}

const SPACES = "' ' || chr(9) || chr(10) || chr(13)"

/** Trims only where there is something to trim: six times faster than trimming every cell. */
function trimmed(text: string): string {
  const ends = ["' '", 'chr(9)', 'chr(10)', 'chr(13)'].map((end) => `ends_with(${text}, ${end})`).join(' OR ')
  return `CASE WHEN ${text} < '!' OR ${ends} THEN trim(${text}, ${SPACES}) ELSE ${text} END`
}

/** `t` (and `c`) to the double a numeric column is judged by, infinities included; only for numbers and integers. */
function numberExpression({ index, source }: TypedColumn): string {
  const t = `t${index}`
  if (source === 'integer' || source === 'real') return `CAST(c${index} AS DOUBLE)`
  return `CASE WHEN contains(${t}, '_') THEN NULL ELSE TRY_CAST(${t} AS DOUBLE) END`
}

/** The typed value `x`: DOUBLE for numbers and moments, BOOLEAN, or VARCHAR; NULL where missing or wrong. */
function valueExpression(column: TypedColumn): string {
  const t = `t${column.index}`
  switch (column.dtype) {
    case 'number':
      return `CASE WHEN isfinite(d${column.index}) THEN d${column.index} END`
    case 'integer': {
      const d = `d${column.index}`
      return `CASE WHEN isfinite(${d}) AND ${d} = trunc(${d}) AND abs(${d}) <= ${LARGEST_INTEGER} THEN ${d} END`
    }
    case 'boolean':
      // The usual spelling first: folding case costs more than everything else here.
      return `CASE ${t} WHEN 'true' THEN true WHEN 'false' THEN false ELSE CASE WHEN ${isOneOf(`lower(${t})`, TRUE_WORDS)} THEN true WHEN ${isOneOf(`lower(${t})`, FALSE_WORDS)} THEN false END END`
    case 'datetime':
      return column.source === 'time'
        ? `CAST(epoch_ms(c${column.index}) AS DOUBLE)`
        : momentExpression(t, column.slashOrder)
    case 'string':
    case 'text':
      return `CASE WHEN strlen(${t}) > ${LONGEST_MISSING} THEN ${t} WHEN ${isOneOf(t, missingFor(column))} THEN NULL ELSE ${t} END`
  }
}

function momentExpression(t: string, slashOrder?: SlashOrder): string {
  const forms = (date: string) =>
    `[${['', ' %H:%M', ' %H:%M:%S', ' %H:%M:%S.%f'].map((time) => quote(date + time)).join(', ')}]`
  const parsed = (date: string) => `epoch_ms(try_strptime(${t}, ${forms(date)}))`
  const slashed = slashOrder
    ? ` WHEN regexp_full_match(${t}, ${quote(SLASHED)}) THEN ${parsed(slashOrder === 'mdy' ? '%m/%d/%Y' : '%d/%m/%Y')}`
    : ''
  return `CAST(CASE WHEN regexp_full_match(${t}, ${quote(YEAR_FIRST)}) THEN epoch_ms(TRY_CAST(${t} AS TIMESTAMP))
    WHEN regexp_full_match(${t}, ${quote(YEAR_FIRST_OFFSET)}) THEN epoch_ms(TRY_CAST(${t} AS TIMESTAMPTZ))
    WHEN regexp_full_match(${t}, ${quote(DAY_FIRST_DOTTED)}) THEN ${parsed('%d.%m.%Y')}${slashed} END AS DOUBLE)`
}

const LONGEST_MISSING = Math.max(...MISSING.map((word) => word.length))

function missingFor({ dtype, categories }: TypedColumn): readonly string[] {
  if (dtype !== 'string' && dtype !== 'text') return MISSING_UNLESS_TEXT
  return MISSING.filter((word) => !categories?.includes(word))
}

/** Columns of text that share it are read by the same expressions. */
export function readingKey(column: TypedColumn): string {
  return [column.dtype, column.slashOrder ?? '', ...missingFor(column)].join('\n')
}

/** True for a cell that is neither missing nor of the column's dtype. Cheap: looks only where `x` is NULL. */
export function wrongExpression(column: TypedColumn): string {
  const i = column.index
  if (column.dtype === 'string' || column.dtype === 'text') return 'false'
  return `CASE WHEN x${i} IS NULL THEN NOT coalesce(${isOneOf(`trim(t${i}, ${SPACES})`, missingFor(column))}, true) ELSE false END`
}

export function isNumeric(dtype: ColumnDtype): boolean {
  return dtype === 'number' || dtype === 'integer'
}

/**
 * The file as t, d (numbers) and x columns; `from 1` adds the row numbers `r`. `stacked` are columns of text to be read as the one in
 * `columns` is: they lie one upon the other, told apart by `k`, and each expression is planned once for all of them. The cells of a
 * row follow one another.
 */
export function typedRelation(
  file: SourceFile,
  reading: Reading,
  options: {
    readonly columns: readonly TypedColumn[]
    readonly rowNumbers: 'none' | 'from 1'
    readonly stacked?: readonly number[]
  },
): string {
  const { columns, rowNumbers, stacked } = options
  const places = `${rowNumbers === 'from 1' ? 'r, ' : ''}${stacked ? 'k, ' : ''}`
  const numeric = columns.filter((column) => isNumeric(column.dtype))
  const cs = columns.map((column) => `c${column.index}`).join(', ')
  const ts = columns.map((column) => `${textExpression(column, reading)} AS t${column.index}`).join(', ')
  const ds = numeric.map((column) => `, ${numberExpression(column)} AS d${column.index}`).join('')
  const xs = columns.map((column) => `${valueExpression(column)} AS x${column.index}`).join(', ')
  const indexes = columns.map((column) => column.index)
  const base = stacked ? stackedRelation(file, reading, stacked) : fileRelation(file, reading, indexes)
  const row = stacked ? `(row_number() OVER () - 1) // ${stacked.length} + 1` : 'row_number() OVER ()'
  const numbered = rowNumbers === 'none' ? base : `(SELECT ${row} AS r, * FROM ${base})`
  return `(SELECT *, ${xs} FROM (SELECT *${ds} FROM (SELECT ${places}${cs}, ${ts} FROM ${numbered})))`
}

/** Not `IN`: DuckDB turns a long list into a join, which takes every row and does not keep their order. */
export function isOneOf(text: string, words: readonly string[]): string {
  return `list_contains([${words.map(quote).join(', ')}], ${text})`
}
