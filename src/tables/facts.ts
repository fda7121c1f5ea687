// Everything one pass over the file tells about its columns: counts for the profile, for inference and for the contract
// alike. Wide files take several passes (see strips.ts).
import type { ContractColumn } from '../contract/datasets.ts'
import { parseText } from './cell.ts'
import { type Engine, quote } from './engine.ts'
import type { Reading } from './reading.ts'
import type { SourceFile } from './source.ts'
import { isNumeric, LARGEST_INTEGER, type TypedColumn, typedRelation, wrongExpression } from './sql.ts'
import { stackRelation, stacksOf } from './stacks.ts'
import { COLUMNS_A_PASS, readTogether } from './strips.ts'

export interface TableFile {
  readonly engine: Engine
  readonly file: SourceFile
  readonly reading: Reading
}

/** A column to be measured; the contract's limits are counted in the same pass. */
export interface MeasuredColumn extends TypedColumn {
  readonly limits?: Pick<ContractColumn, 'min' | 'max' | 'categories'> | undefined
  /** Measures beyond the ordinary that this pass takes. */
  readonly also?: readonly ('whole' | 'kinds')[]
}

export interface ColumnFacts {
  readonly rows: number
  /** Cells that hold a value of the dtype; `wrong` ones hold something else; the rest is missing. */
  readonly values: number
  readonly wrong: number
  readonly distinct: number
  readonly min: number | null
  readonly max: number | null
  readonly mean: number | null
  readonly below: number
  readonly above: number
  readonly outside: number
  /** Cells such as 0123 or +49 that are codes, not quantities. */
  readonly coded: number
  /** Where asked for by `whole`: numbers that are not whole or are written with a point. */
  readonly fractional: number
  /** Where asked for by `kinds`: infinities, and whole numbers that no double holds exactly. */
  readonly infinite: number
  readonly huge: number
  /** JSON objects or arrays. */
  readonly nested: number
}

const COUNTS = [
  'values',
  'wrong',
  'distinct',
  'below',
  'above',
  'outside',
  'coded',
  'fractional',
  'infinite',
  'huge',
  'nested',
] as const
const FIGURES = ['min', 'max', 'mean'] as const
const MEASURES = [...COUNTS, ...FIGURES] as const
type Measures = Partial<Record<(typeof MEASURES)[number], string>>

/** Facts of each column, in the order asked. A column may be asked for twice (read two ways): that is two passes. */
export async function measure(table: TableFile, columns: readonly MeasuredColumn[]): Promise<ColumnFacts[]> {
  const facts = new Map<MeasuredColumn, ColumnFacts>()
  const note = (group: readonly MeasuredColumn[], found: readonly ColumnFacts[]) => {
    for (const [k, column] of group.entries()) facts.set(column, found[k]!)
  }
  if (table.file.strips) {
    const plain = columns.filter((column) => !hasLimits(column))
    const alike = {
      columnOf: (column: MeasuredColumn) => column,
      kindOf: ({ also = [] }: MeasuredColumn) => also.join(),
    }
    for (const group of stacksOf(table.file, plain, alike)) note(group, await measureStack(table, group))
  }
  for (let open = columns; ; ) {
    open = open.filter((column) => !facts.has(column))
    if (open.length === 0) break
    const first = new Map(open.toReversed().map((column) => [column.index, column]))
    for (const group of readTogether(table.file, [...first.values()], { most: COLUMNS_A_PASS, indexOf })) {
      note(group, await measureGroup(table, group))
    }
  }
  return columns.map((column) => facts.get(column)!)
}

function hasLimits({ limits: { min, max, categories } = {} }: MeasuredColumn): boolean {
  return min !== undefined || max !== undefined || categories !== undefined
}

function indexOf({ index }: MeasuredColumn): number {
  return index
}

async function measureGroup(table: TableFile, columns: readonly MeasuredColumn[]): Promise<ColumnFacts[]> {
  const relation = typedRelation(table.file, table.reading, { columns, rowNumbers: 'none' })
  const measures = columns.map(measureList)
  const [row] = await table.engine.rows(`SELECT count(*), ${measures.join(', ')} FROM ${relation}`)
  return columns.map((_, k) => factsOf(row![0], row!.slice(1 + k * MEASURES.length)))
}

async function measureStack(table: TableFile, columns: readonly MeasuredColumn[]): Promise<ColumnFacts[]> {
  const relation = stackRelation(table, columns)
  const rows = await table.engine.rows(`SELECT k, count(*), ${measureList(columns[0]!)} FROM ${relation} GROUP BY k`)
  const byColumn = new Map(rows.map(([k, count, ...cells]) => [Number(k), factsOf(count, cells)]))
  return columns.map((_, k) => byColumn.get(k) ?? factsOf(0, []))
}

function measureList(column: MeasuredColumn): string {
  const sql = measuresOf(column)
  return MEASURES.map((name) => sql[name] ?? 'NULL').join(', ')
}

function factsOf(rows: unknown, cells: readonly unknown[]): ColumnFacts {
  const counts = COUNTS.map((name, m) => [name, Number(cells[m] ?? 0)])
  const figures = FIGURES.map((name, m) => [name, cells[COUNTS.length + m] ?? null])
  return { rows: Number(rows), ...Object.fromEntries([...counts, ...figures]) } as ColumnFacts
}

function measuresOf(column: MeasuredColumn): Measures {
  const { index, source, dtype, limits, also = [] } = column
  const x = `x${index}`
  const t = `t${index}`
  const d = `d${index}`
  const isOrdered = isNumeric(dtype) || dtype === 'datetime'
  return {
    values: `count(${x})`,
    wrong: `count_if(${wrongExpression(column)})`,
    distinct: `approx_count_distinct(${x})`,
    ...(isOrdered && { min: `min(${x})`, max: `max(${x})` }),
    // Kahan summation: the plain average differs in its last digits from run to run.
    ...(isNumeric(dtype) && { mean: `favg(${x})` }),
    ...(dtype === 'boolean' && { mean: `favg(CAST(${x} AS INTEGER))` }),
    ...(isNumeric(dtype) && (source === 'text' || source === 'json') && { coded: `count_if(${codedExpression(t)})` }),
    ...(also.includes('whole') && { fractional: `count_if(${x} <> trunc(${x}) OR contains(${t}, '.'))` }),
    ...(also.includes('kinds') && {
      infinite: `count_if(isinf(${d}))`,
      // NaN counts as the largest number.
      huge: `count_if(CASE WHEN isfinite(${d}) AND abs(${d}) > ${LARGEST_INTEGER} THEN NOT regexp_matches(${t}, '[.eE]') ELSE false END)`,
    }),
    ...(source === 'json' && { nested: `count_if(${nestedExpression(index)})` }),
    ...(limits && limitMeasures(column)),
  }
}

/** A leading zero or plus sign. Digits other than 0 are past the first comparison, which makes it nearly free. */
function codedExpression(t: string): string {
  const padded = `regexp_matches(${t}, '^[ \\t\\r\\n]+(0[0-9]|[+])')`
  return `CASE WHEN ${t} < '0:' THEN ${t} >= '00' OR (${t} >= '+' AND ${t} < ',') OR (${t} < '!' AND ${padded}) ELSE false END`
}

export function nestedExpression(index: number): string {
  return `starts_with(CAST(c${index} AS VARCHAR), '{') OR starts_with(CAST(c${index} AS VARCHAR), '[')`
}

function limitMeasures(column: MeasuredColumn): Measures {
  const { below, above, outside } = limitExpressions(column)
  return {
    ...(below && { below: `count_if(${below})` }),
    ...(above && { above: `count_if(${above})` }),
    ...(outside && { outside: `count_if(${outside})` }),
  }
}

/** Predicates over `x` for the limits a contract sets; NULL (missing or wrong) cells break none of them. */
export function limitExpressions(column: MeasuredColumn): { below?: string; above?: string; outside?: string } {
  const { index, dtype, limits } = column
  const x = `x${index}`
  const isOrdered = isNumeric(dtype) || dtype === 'datetime'
  return {
    ...(isOrdered && limits?.min !== undefined && { below: `${x} < ${limits.min}` }),
    ...(isOrdered && limits?.max !== undefined && { above: `${x} > ${limits.max}` }),
    ...(limits?.categories && { outside: `${x} IS NOT NULL AND ${notIn(x, column, limits.categories)}` }),
  }
}

/** Categories are written as text and compared as values: '1' allows 1 and 1.0. */
function notIn(x: string, { dtype }: TypedColumn, categories: readonly string[]): string {
  const values = categories.map((text) => parseText({ dtype, categories }, text))
  const literals = values.flatMap((value) => {
    if (typeof value === 'number') return [dtype === 'boolean' ? String(value === 1) : `${value}::DOUBLE`]
    return typeof value === 'string' ? [quote(value)] : []
  })
  return literals.length === 0 ? 'true' : `${x} NOT IN (${literals.join(', ')})`
}
