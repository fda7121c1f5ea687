// Which dtype a column has. A guess from the first rows (in JavaScript, with the parser that serves requests) is confirmed
// or overturned by counts over the whole file, so no value is ever lost to a guess.
//
// In doubt a column stays `string`: codes with leading zeros or a plus sign, whole numbers beyond 2^53, thousands
// separators, slashed dates that never show which number is the month, and mixtures. Yes/no and 0/1 are what they look
// like; only true/false is boolean. Infinities leave a column numeric and are findings.
import { setImmediate } from 'node:timers/promises'
import type { ColumnDtype } from '../contract/datasets.ts'
import {
  isInfinite,
  isSlashed,
  MISSING_UNLESS_TEXT,
  parseMoment,
  parseText,
  type SlashOrder,
  trimCell,
  withPoint,
} from './cell.ts'
import { type ColumnFacts, type MeasuredColumn, measure, type TableFile } from './facts.ts'
import type { ColumnSource, Reading } from './reading.ts'
import { fileRelation, isOneOf, LARGEST_INTEGER } from './sql.ts'
import { COLUMNS_A_PASS, readTogether } from './strips.ts'

/** A string column is prose when it reads like sentences and rarely repeats itself. */
const TEXT_RULE = { minMeanWords: 3, minDistinctShare: 0.2 } as const
const SAMPLE_CELLS = 100_000
const SAMPLE_CHARACTERS = 1000
const SAMPLE_ROWS = 2000

export interface Inferred {
  readonly column: MeasuredColumn
  readonly facts: ColumnFacts
  /** Texts the first rows showed more than once, most frequent first. */
  readonly repeated: readonly string[]
}

export interface Guess {
  readonly dtype: ColumnDtype
  readonly slashOrders?: readonly SlashOrder[]
  readonly meanWords: number
  /** A number with a decimal point was seen. */
  readonly isFractional: boolean
  readonly repeated: readonly string[]
  /** No value was seen: anything may follow. */
  readonly isBlind: boolean
}

/** The dtypes of the columns at `indexes`, with the facts of the pass that confirmed them. */
export async function inferColumns(
  table: TableFile,
  guesses: ReadonlyMap<number, Guess>,
  target: string | undefined,
): Promise<Inferred[]> {
  const found = new Map<number, Inferred>()
  let open = [...guesses].map(([index, guess]) => ({ index, guess }))
  for (let round = 0; open.length > 0; round++) {
    const tried = open.flatMap(({ index, guess }) =>
      candidates(table, index, guess).map((column) => ({ column, guess })),
    )
    const facts = await measure(
      table,
      tried.map(({ column }) => column),
    )
    const measured = tried.map(({ column, guess }, k) => ({ column, facts: facts[k]!, repeated: guess.repeated }))
    const byIndex = Map.groupBy(await lookCloser(table, measured), ({ column }) => column.index)
    const again: typeof open = []
    for (const { index, guess } of open) {
      const settled = settle(byIndex.get(index)!)
      if (settled) found.set(index, finish(settled, guess, table.reading.columns[index]!.name === target))
      else again.push({ index, guess: await guessAgain(table, index, { guess, round }) })
    }
    open = again
  }
  return [...found.values()]
}

function candidates(table: TableFile, index: number, guess: Guess): MeasuredColumn[] {
  const { dtype, slashOrders = [], isFractional } = guess
  const also = dtype === 'number' && !isFractional ? (['whole'] as const) : []
  const base = { index, source: table.reading.columns[index]!.source, dtype, also }
  return slashOrders.length > 0 ? slashOrders.map((slashOrder) => ({ ...base, slashOrder })) : [base]
}

/** Numbers with cells that are none, or beyond 2^53, are looked at again: infinities and codes are told apart. */
async function lookCloser(table: TableFile, tried: readonly Inferred[]): Promise<Inferred[]> {
  const unclear = tried.filter(({ column, facts }) => {
    return column.dtype === 'number' && facts.coded === 0 && (facts.wrong > 0 || isFar(facts))
  })
  const again = await measure(
    table,
    unclear.map(({ column }) => ({ ...column, also: ['kinds'] as const })),
  )
  const closer = new Map(unclear.map((one, k) => [one, again[k]!]))
  return tried.map((one) => {
    const { infinite, huge } = closer.get(one) ?? one.facts
    return { ...one, facts: { ...one.facts, infinite, huge } }
  })
}

/** Has numbers that a double does not hold to the unit. */
function isFar({ min, max }: ColumnFacts): boolean {
  return Math.max(Math.abs(min ?? 0), Math.abs(max ?? 0)) > LARGEST_INTEGER
}

/** The one candidate the whole column agrees with; undefined where none or (month or day first?) two do. */
function settle(tried: readonly Inferred[]): Inferred | undefined {
  const fitting = tried.filter(({ column, facts }) => {
    if (column.dtype !== 'number') return facts.wrong === 0
    const isWhole = column.also?.includes('whole') && facts.fractional === 0
    return facts.wrong === facts.infinite && facts.coded === 0 && !(isWhole && facts.huge > 0)
  })
  return fitting.length === 1 ? fitting[0] : undefined
}

function finish(one: Inferred, guess: Guess, isTarget: boolean): Inferred {
  return { ...one, column: { ...one.column, dtype: finalDtype(one, guess, isTarget) } }
}

function finalDtype({ column: { dtype }, facts }: Inferred, guess: Guess, isTarget: boolean): ColumnDtype {
  if (facts.values + facts.wrong === 0) return 'string'
  if (dtype === 'number' && !guess.isFractional && facts.fractional === 0 && !isFar(facts)) return 'integer'
  if (dtype !== 'string' || isTarget) return dtype
  const isVaried = facts.distinct >= TEXT_RULE.minDistinctShare * facts.values
  return guess.meanWords >= TEXT_RULE.minMeanWords && isVaried ? 'text' : 'string'
}

async function guessAgain(
  table: TableFile,
  index: number,
  { guess, round }: { readonly guess: Guess; readonly round: number },
): Promise<Guess> {
  if (!guess.isBlind || round > 0) return { ...guess, slashOrders: [], dtype: 'string' }
  const c = `CAST(c${index} AS VARCHAR)`
  const rows = await table.engine.rows(
    `SELECT left(${c}, ${SAMPLE_CHARACTERS}) FROM ${fileRelation(table.file, table.reading, [index])} WHERE ${c} IS NOT NULL
     AND NOT ${isOneOf(`trim(${c}, ' "')`, MISSING_UNLESS_TEXT)} LIMIT ${SAMPLE_ROWS}`,
  )
  return guessColumn(
    rows.map((row) => row[0] as string),
    table.reading.columns[index]!.source,
    table.reading,
  )
}

/** What the first rows suggest, for each of the columns at `indexes`, which rise. */
export async function guessAll(table: TableFile, indexes: readonly number[]): Promise<Guess[]> {
  const limit = Math.max(20, Math.min(SAMPLE_ROWS, Math.floor(SAMPLE_CELLS / indexes.length)))
  const guesses: Guess[] = []
  const most = table.file.strips ? indexes.length : COLUMNS_A_PASS
  for (const group of readTogether(table.file, indexes, { most, indexOf: (index) => index })) {
    guesses.push(...(await guessGroup(table, group, limit)))
    await setImmediate()
  }
  return guesses
}

async function guessGroup(table: TableFile, indexes: readonly number[], limit: number): Promise<Guess[]> {
  const samples = await (table.file.strips ? sampleStrip : sampleColumns)(table, indexes, limit)
  return indexes.map((index, k) => {
    return guessColumn(samples[k]!, table.reading.columns[index]!.source, table.reading)
  })
}

type Sample = readonly (string | null)[]

async function sampleColumns(table: TableFile, indexes: readonly number[], limit: number): Promise<Sample[]> {
  const relation = fileRelation(table.file, table.reading, indexes)
  const cells = indexes.map((i) => `left(CAST(c${i} AS VARCHAR), ${SAMPLE_CHARACTERS}) AS c${i}`).join(', ')
  // One JSON text a column: handing cells over one by one would hold up the event loop.
  const lists = indexes.map((i) => `CAST(to_json(list(c${i})) AS VARCHAR)`).join(', ')
  const [row] = await table.engine.rows(`SELECT ${lists} FROM (SELECT ${cells} FROM ${relation} LIMIT ${limit})`)
  return indexes.map((_, k) => JSON.parse((row![k] as string | null) ?? '[]') as Sample)
}

/** All columns of a strip are text: one expression for all of them. */
async function sampleStrip(table: TableFile, indexes: readonly number[], limit: number): Promise<Sample[]> {
  const cells = `list_transform([${indexes.map((i) => `c${i}`).join(', ')}], lambda c: left(c, ${SAMPLE_CHARACTERS}))`
  const relation = fileRelation(table.file, table.reading, indexes)
  const rows = await table.engine.rows(`SELECT CAST(to_json(${cells}) AS VARCHAR) FROM ${relation} LIMIT ${limit}`)
  const records = rows.map(([row]) => JSON.parse(row as string) as Sample)
  return indexes.map((_, k) => records.map((record) => record[k]!))
}

const BY_SOURCE: Partial<Record<ColumnSource, ColumnDtype>> = {
  integer: 'number',
  real: 'number',
  boolean: 'boolean',
  time: 'datetime',
}

/** A dtype all sampled cells agree on. JSON strings and Parquet strings were meant as strings, unless they are dates. */
function guessColumn(
  cells: readonly (string | null)[],
  source: ColumnSource,
  { decimalComma }: Pick<Reading, 'decimalComma'>,
): Guess {
  const fixed = BY_SOURCE[source]
  if (fixed)
    return { dtype: fixed, meanWords: 0, isFractional: source === 'real', repeated: repeats(cells), isBlind: false }
  const isQuoted = source === 'json' && cells.every((cell) => cell === null || cell.startsWith('"'))
  const texts = cells
    .map((cell) => (cell === null ? '' : trimCell(source === 'json' ? jsonText(cell) : cell)))
    .filter((text) => parseText({ dtype: 'number' }, text) !== null)
  const meanWords = texts.reduce((sum, text) => sum + countWords(text), 0) / Math.max(1, texts.length)
  const numbers = decimalComma ? texts.map(withPoint) : texts
  const as = (dtype: ColumnDtype, slashOrders: readonly SlashOrder[] = []) => {
    const isFractional = numbers.some((text) => text.includes('.'))
    return { dtype, slashOrders, meanWords, isFractional, repeated: repeats(texts), isBlind: texts.length === 0 }
  }
  if (texts.length === 0) return as('number')
  if (!isQuoted && numbers.every(isNumberLike)) return as('number')
  if (texts.every((text) => /^(true|false)$/i.test(text))) return as('boolean')
  if (texts.every((text) => parseMoment(text) !== undefined)) return as('datetime')
  const orders = (['mdy', 'dmy'] as const).filter((order) =>
    texts.every((text) => parseMoment(text, order) !== undefined),
  )
  if (texts.every(isSlashed) && orders.length > 0) return as('datetime', orders)
  return as('string')
}

const REPEATED = 20
function repeats(texts: readonly (string | null)[]): string[] {
  const counts = new Map<string, number>()
  for (const text of texts) if (text !== null) counts.set(text, (counts.get(text) ?? 0) + 1)
  const repeated = [...counts].filter(([, count]) => count > 1).sort(([, a], [, b]) => b - a)
  return repeated.slice(0, REPEATED).map(([text]) => text)
}

function isNumberLike(text: string): boolean {
  return typeof parseText({ dtype: 'number' }, text) === 'number' || isInfinite(text)
}

/** The text of a JSON value, which the sample may have cut short. */
function jsonText(json: string): string {
  if (!json.startsWith('"')) return json
  return json.length < SAMPLE_CHARACTERS ? String(JSON.parse(json)) : json.slice(1)
}

/** Words between spaces; each character of a script that writes no spaces counts as half a word. */
function countWords(text: string): number {
  const spaced = text.match(/\S+/g)?.length ?? 0
  const unspaced = text.match(/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]/g)?.length ?? 0
  return spaced + unspaced / 2
}
