// Columns by statements of some columns each: of files that are not wide, and of wide ones of many rows. Categories become codes inside
// DuckDB, and prose crosses as JSON lines: handing strings over one by one costs two microseconds each, ten times as much as either.
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { Column } from '../ml/table.ts'
import { type Engine, quote } from './engine.ts'
import type { TableFile } from './facts.ts'
import { type TypedColumn, typedRelation, WRONG_CELL, wrongExpression } from './sql.ts'
import { COLUMNS_A_PASS, readTogether } from './strips.ts'

const DICTIONARIES_A_PASS = 16

export interface NamedColumn {
  readonly name: string
  readonly column: TypedColumn
}

export async function loadApart(
  table: TableFile,
  columns: readonly NamedColumn[],
  folder: string,
): Promise<Map<string, Column>> {
  const categories = columns.filter(({ column }) => column.dtype === 'string')
  const dictionaries = await makeDictionaries(table, categories)
  const fixed = columns.filter(({ column }) => column.dtype !== 'text')
  const texts = columns.filter(({ column }) => column.dtype === 'text')
  const loaded = new Map<string, Column>()
  const take = (found: ReadonlyMap<string, Column>) => {
    for (const [name, column] of found) loaded.set(name, column)
  }
  for (const group of groupsOf(table, fixed, COLUMNS_A_PASS)) take(await loadFixed(table, group, dictionaries))
  for (const group of groupsOf(table, texts, COLUMNS_A_PASS)) take(await loadTexts(table, group, folder))
  return loaded
}

function groupsOf({ file }: TableFile, columns: readonly NamedColumn[], most: number): Iterable<NamedColumn[]> {
  return readTogether(file, columns, { most, indexOf: ({ column }) => column.index })
}

/** The distinct values of each category column, in any order, also as an ENUM type `e<index>`. */
async function makeDictionaries(table: TableFile, columns: readonly NamedColumn[]): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>()
  for (const named of groupsOf(table, columns, DICTIONARIES_A_PASS)) {
    const group = named.map(({ column }) => column)
    const relation = typedRelation(table.file, table.reading, { columns: group, rowNumbers: 'none' })
    const xs = group.map(({ index }) => `x${index}`)
    await table.engine.run(`CREATE OR REPLACE TEMP TABLE dictionary AS
      SELECT grouping_id(${xs.join(', ')}) AS g, coalesce(${xs.join(', ')}) AS v
      FROM ${relation} GROUP BY GROUPING SETS (${xs.map((x) => `(${x})`).join(', ')}) HAVING v IS NOT NULL`)
    for (const [k, { index }] of group.entries()) {
      const g = (1n << BigInt(group.length)) - 1n - (1n << BigInt(group.length - 1 - k))
      const type = `e${index}`
      await table.engine.run(`CREATE TYPE ${type} AS ENUM (SELECT v FROM dictionary WHERE g = ${g})`)
      found.set(index, await readDictionary(table.engine, type))
    }
  }
  return found
}

/**
 * Codes renumbered, in place, so that the dictionary is in order of first appearance. `places` has room for every value; many
 * columns may use the same.
 */
export function inOrder(codes: Int32Array, values: readonly string[], places: Int32Array): Column {
  const order: number[] = []
  for (let row = 0; row < codes.length; row++) {
    const code = codes[row]!
    if (code < 0) continue
    // Counted from 1.
    if (places[code] === 0) places[code] = order.push(code)
    codes[row] = places[code]! - 1
  }
  for (const code of order) places[code] = 0
  return { form: 'category', codes, dictionary: order.map((code) => values[code]!) }
}

export async function readDictionary(engine: Engine, type: string): Promise<string[]> {
  const dictionary: string[] = []
  for await (const chunk of engine.chunks(`SELECT unnest(enum_range(NULL::${type}))`)) {
    for (const value of chunk.getColumnValues(0)) dictionary.push(String(value))
  }
  return dictionary
}

/** Grows by doubling: the number of rows is known only at the end. */
class Growing<A extends Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>> {
  #array: A
  readonly #make: (length: number) => A
  length = 0

  constructor(make: (length: number) => A) {
    this.#make = make
    this.#array = make(65_536)
  }

  /** Room for `count` more; returns where to write them. */
  extend(count: number): { readonly into: A; readonly at: number } {
    const at = this.length
    this.length += count
    if (this.length > this.#array.length) {
      const larger = this.#make(Math.max(this.length, this.#array.length * 2))
      larger.set(this.#array)
      this.#array = larger
    }
    return { into: this.#array, at }
  }

  done(): A {
    return this.#array.slice(0, this.length) as A
  }
}

async function loadFixed(
  table: TableFile,
  columns: readonly NamedColumn[],
  dictionaries: ReadonlyMap<number, string[]>,
): Promise<Map<string, Column>> {
  const typed = columns.map(({ column }) => column)
  const relation = typedRelation(table.file, table.reading, { columns: typed, rowNumbers: 'none' })
  const values = typed.map((column) => {
    const dictionary = dictionaries.get(column.index)
    if (!dictionary) return numberExpression(column, quote(`${WRONG_CELL}${column.index}: `))
    return dictionary.length === 0 ? '-1::INTEGER' : codeExpression(`x${column.index}`, `e${column.index}`)
  })
  const numbers = columns.map(() => new Growing((length) => new Float64Array(length)))
  const codes = columns.map(() => new Growing((length) => new Int32Array(length)))
  for await (const chunk of table.engine.chunks(`SELECT ${values.join(', ')} FROM ${relation}`)) {
    // Asked once: it is a call into the engine.
    const { rowCount } = chunk
    for (const [k, { column }] of columns.entries()) {
      const vector = chunk.getColumnVector(k)
      const { into, at } = (column.dtype === 'string' ? codes : numbers)[k]!.extend(rowCount)
      for (let i = 0; i < rowCount; i++) into[at + i] = vector.getItem(i) as number
    }
  }
  return new Map(
    columns.map(({ name, column }, k): [string, Column] => {
      const dictionary = dictionaries.get(column.index)
      if (dictionary) return [name, inOrder(codes[k]!.done(), dictionary, new Int32Array(dictionary.length))]
      return [name, { form: 'number', values: numbers[k]!.done() }]
    }),
  )
}

/** Values without NULLs, so that whole vectors can be copied: NaN stands for missing. `place` is said of a wrong cell. */
export function numberExpression(column: TypedColumn, place: string): string {
  const x = `x${column.index}`
  const problem = `error(${place} || t${column.index})`
  return `CASE WHEN ${x} IS NOT NULL THEN CAST(${x} AS DOUBLE) WHEN ${wrongExpression(column)} THEN ${problem} ELSE 'NaN'::DOUBLE END`
}

/** As numbers: -1 stands for missing. */
export function codeExpression(x: string, type: string): string {
  return `coalesce(enum_code(CAST(${x} AS ${type}))::INTEGER, -1)`
}

async function loadTexts(
  table: TableFile,
  columns: readonly NamedColumn[],
  folder: string,
): Promise<Map<string, Column>> {
  const typed = columns.map(({ column }) => column)
  const relation = typedRelation(table.file, table.reading, { columns: typed, rowNumbers: 'none' })
  const path = `${folder}/texts`
  const values = columns.map((): (string | null)[] => [])
  await writeTexts(
    table,
    path,
    `SELECT ${typed.map(({ index }) => `x${index} AS t${index}`).join(', ')} FROM ${relation}`,
  )
  for await (const rows of readTexts(path)) {
    for (const [k, { column }] of columns.entries()) {
      for (const row of rows) values[k]!.push(row[`t${column.index}`] ?? null)
    }
  }
  return new Map(columns.map(({ name }, k): [string, Column] => [name, { form: 'text', values: values[k]! }]))
}

export async function writeTexts({ engine }: TableFile, path: string, sql: string): Promise<void> {
  await engine.run(`COPY (${sql}) TO ${quote(path)} (FORMAT json)`)
}

/** Some rows at a time; the file is gone afterwards. */
export async function* readTexts(path: string): AsyncGenerator<Record<string, string | null>[]> {
  const rowsOf = (lines: string) => JSON.parse(`[${lines.replaceAll('\n', ',')}]`)
  let rest = ''
  for await (const piece of createReadStream(path, { encoding: 'utf8', highWaterMark: 256 * 1024 })) {
    const text = rest + String(piece)
    const end = text.lastIndexOf('\n')
    if (end > 0) yield rowsOf(text.slice(0, end))
    rest = text.slice(end + 1)
  }
  if (rest !== '') yield rowsOf(rest)
  await rm(path)
}
