// Column profiles: the counts of the measuring pass, then distinct counts and the ten most frequent values from one or two
// more. Above 100,000 distinct values only those that the first rows repeat are counted, and the number of distinct ones is a sketch.
import type { ColumnProfile } from '../contract/datasets.ts'
import { parseText } from './cell.ts'
import { quote } from './engine.ts'
import type { ColumnFacts, TableFile } from './facts.ts'
import { isNumeric, type TypedColumn, typedRelation } from './sql.ts'
import { inHalves, stackRelation, stacksOf } from './stacks.ts'
import { COLUMNS_A_PASS, readTogether } from './strips.ts'

const EXACT_DISTINCT = 100_000
/** The sketch is a few percent off. */
const SKETCH_MARGIN = 1.15
const GROUPS_A_PASS = 250_000
/** Small columns are counted in plain aggregates: hash tables for 60 columns would take all the memory there is. */
const SMALL_DISTINCT = 1000
const LARGER_A_PASS = 16
const TOP = 10

/** A column with its final dtype; `repeated` are texts the first rows showed more than once, most frequent first. */
export interface Profiled {
  readonly column: TypedColumn
  readonly facts: ColumnFacts
  readonly repeated: readonly string[]
}

type Top = ColumnProfile['top']
interface Frequencies {
  readonly distinct: number
  readonly top: Top
}

export async function profileColumns(table: TableFile, inferred: readonly Profiled[]): Promise<ColumnProfile[]> {
  const frequencies = new Map<number, Frequencies>()
  const counted = inferred.filter(isCounted)
  const isStacked = ({ facts }: Profiled) => table.file.strips !== undefined && isCountable(facts)
  for (const stack of stacksOf(table.file, counted.filter(isStacked), { columnOf: ({ column }) => column })) {
    for (const group of passes(table, stack, stack.length)) {
      await inHalves(group, (half) => countStack(table, half, frequencies))
    }
  }
  const apart = counted.filter((column) => !isStacked(column))
  for (const group of passes(table, apart.filter(isSmall), COLUMNS_A_PASS)) await countSmall(table, group, frequencies)
  const larger = apart.filter((column) => !isSmall(column))
  for (const group of passes(table, larger, LARGER_A_PASS)) {
    await inHalves(group, (half) => countLarger(table, half, frequencies))
  }
  return inferred.map(({ column, facts }) => {
    const { distinct, top } = frequencies.get(column.index) ?? {
      distinct: Math.min(facts.distinct, facts.values),
      top: [],
    }
    const nulls = facts.rows - facts.values - facts.wrong
    const name = table.reading.columns[column.index]!.name
    return { name, dtype: column.dtype, nulls, distinct, ...range(column, facts), top }
  })
}

function range({ dtype }: TypedColumn, { min, max, mean }: ColumnFacts): Pick<ColumnProfile, 'min' | 'max' | 'mean'> {
  if (dtype === 'datetime') return { min: isoTime(min), max: isoTime(max), mean: null }
  if (isNumeric(dtype)) return { min, max, mean: mean === null ? null : Number(mean.toPrecision(12)) }
  return { min: null, max: null, mean: dtype === 'boolean' ? mean : null }
}

function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

function groupsOf({ facts }: Profiled): number {
  return isCountable(facts) ? facts.distinct : TOP
}

function* passes({ file }: TableFile, columns: readonly Profiled[], most: number): Generator<Profiled[]> {
  for (const together of readTogether(file, columns, { most, indexOf: ({ column }) => column.index })) {
    let group: Profiled[] = []
    let groups = 0
    for (const column of together) {
      if (group.length > 0 && groups + groupsOf(column) > GROUPS_A_PASS) {
        yield group
        group = []
        groups = 0
      }
      group.push(column)
      groups += groupsOf(column)
    }
    yield group
  }
}

async function countSmall(table: TableFile, group: readonly Profiled[], into: Map<number, Frequencies>): Promise<void> {
  const columns = group.map(({ column }) => column)
  const relation = typedRelation(table.file, table.reading, { columns, rowNumbers: 'none' })
  const counts = columns.map((column, k) => `histogram(${keyExpression(column)}) AS h${k}`).join(', ')
  const tops = columns.map((_, k) => {
    const texts = `list_transform(map_entries(h${k}), lambda e: ${countedText('e.value', 'CAST(e.key AS VARCHAR)')})`
    return `cardinality(h${k}), list_slice(list_reverse_sort(${texts}), 1, ${TOP})`
  })
  const [row] = await table.engine.rows(`SELECT ${tops.join(', ')} FROM (SELECT ${counts} FROM ${relation})`)
  for (const [k, column] of columns.entries()) {
    into.set(column.index, { distinct: Number(row![2 * k] ?? 0), top: topOf(column, row![2 * k + 1]) })
  }
}

/** Count and value as one sortable text, so that the order of equally frequent values is always the same. */
function countedText(count: string, text: string): string {
  return `lpad(CAST(${count} AS VARCHAR), 12, '0') || ${text}`
}

function topOf(column: TypedColumn, texts: unknown): Top {
  return ((texts ?? []) as string[]).map((text) => ({
    value: valueText(column, text.slice(12)),
    count: Number(text.slice(0, 12)),
  }))
}

/** Columns of one strip that are read alike. */
async function countStack(table: TableFile, group: readonly Profiled[], into: Map<number, Frequencies>): Promise<void> {
  const columns = group.map(({ column }) => column)
  const relation = stackRelation(table, columns)
  const counted = `SELECT k, ${keyExpression(columns[0]!)} AS v, count(*) AS n FROM ${relation} GROUP BY ALL`
  const value = countedText('n', 'CAST(v AS VARCHAR)')
  const rows = await table.engine.rows(`SELECT k, count(v), max(${value}, ${TOP}) FROM (${counted}) GROUP BY k`)
  for (const [k, distinct, top] of rows) {
    const column = columns[Number(k)]!
    into.set(column.index, { distinct: Number(distinct), top: topOf(column, top) })
  }
}

async function countLarger(
  table: TableFile,
  group: readonly Profiled[],
  into: Map<number, Frequencies>,
): Promise<void> {
  const columns = group.map(({ column }) => column)
  const relation = typedRelation(table.file, table.reading, { columns, rowNumbers: 'none' })
  const names = columns.map((_, k) => `k${k}`)
  const keys = group.map((column, k) => `${countedKey(column)} AS k${k}`).join(', ')
  const sets = names.map((name) => `(${name})`).join(', ')
  const value = `coalesce(${names.map((name) => `CAST(${name} AS VARCHAR)`).join(', ')})`
  const rows = await table.engine.rows(`
    WITH counted AS (
      SELECT grouping_id(${names.join(', ')}) AS g, ${value} AS v, count(*) AS n
      FROM (SELECT ${keys} FROM ${relation}) GROUP BY GROUPING SETS (${sets}))
    SELECT CAST(g AS VARCHAR), count(v), max(${countedText('n', 'v')}, ${TOP}) FROM counted GROUP BY g`)
  const bySet = new Map(rows.map((row) => [BigInt(row[0] as string), row]))
  for (const [k, { column, facts }] of group.entries()) {
    const row = bySet.get((1n << BigInt(columns.length)) - 1n - (1n << BigInt(columns.length - 1 - k)))
    const top = topOf(column, row?.[2])
    if (isCountable(facts)) into.set(column.index, { distinct: Number(row?.[1] ?? 0), top })
    else
      into.set(column.index, {
        distinct: Math.min(facts.distinct, facts.values),
        top: top.filter(({ count }) => count > 1),
      })
  }
}

function isCountable({ distinct }: ColumnFacts): boolean {
  return distinct <= EXACT_DISTINCT * SKETCH_MARGIN
}

function isSmall({ facts }: Profiled): boolean {
  return facts.distinct <= SMALL_DISTINCT
}

function isCounted({ facts, repeated }: Profiled): boolean {
  return isCountable(facts) || repeated.length > 0
}

/** The value itself, or, where there are too many different ones, only those the first rows showed more than once. */
function countedKey({ column, facts, repeated }: Profiled): string {
  const key = keyExpression(column)
  if (isCountable(facts)) return key
  const literals = repeated.flatMap((text) => {
    const value = parseText(column, text)
    if (typeof value === 'number') return [column.dtype === 'boolean' ? String(value === 1) : `${value}::DOUBLE`]
    return typeof value === 'string' && value.length <= SHOWN ? [quote(value)] : []
  })
  return literals.length === 0 ? 'NULL::VARCHAR' : `CASE WHEN ${key} IN (${literals.join(', ')}) THEN ${key} END`
}

const SHOWN = 100
/** What values are grouped by: short even for a cell of a megabyte, yet different for different cells. */
function keyExpression({ index, dtype }: TypedColumn): string {
  const x = `x${index}`
  if (dtype !== 'string' && dtype !== 'text') return x
  return `CASE WHEN strlen(${x}) > ${SHOWN} THEN left(${x}, ${SHOWN}) || chr(1) || hash(${x}) ELSE ${x} END`
}

/** A grouping key as a person writes the value. */
function valueText({ dtype }: TypedColumn, key: string): string {
  if (dtype === 'datetime') return new Date(Number(key)).toISOString()
  if (isNumeric(dtype)) return String(Number(key))
  // What was shortened is of 100 bytes at least before the mark, and a value that holds the mark itself is of fewer in all.
  const end = key.lastIndexOf('\u0001')
  return end >= 0 && Buffer.byteLength(key.slice(0, end)) >= SHOWN ? key.slice(0, end) : key
}
