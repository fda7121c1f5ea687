// Rows as JSON, for the eye and for batch jobs: numbers, true/false, ISO times, strings, and null where a cell is missing.
import type { ContractColumn, DataContract } from '../contract/datasets.ts'
import { contractColumns } from './check.ts'
import type { TableFile } from './facts.ts'
import { type TypedColumn, typedRelation } from './sql.ts'
import { stackRelation, stacksOf } from './stacks.ts'
import { COLUMNS_A_PASS, isWide, readTogether, rowsIn, type StripOptions, stripsOfRows } from './strips.ts'

/** Of a wide table, at a time. */
const CELLS_A_PART = 2_000_000

export type JsonRow = Record<string, string | number | boolean | null>

/** Rows `offset` … `offset + limit` in file order. */
export async function readPage(
  table: TableFile,
  contract: DataContract,
  { offset, limit, ...where }: StripOptions & { readonly offset: number; readonly limit: number },
): Promise<JsonRow[]> {
  if (!isWide(table)) return readApart(table, contract, ` LIMIT ${limit} OFFSET ${offset}`)
  if (limit === 0) return []
  for await (const page of stripsOfRows(table, { ...where, rows: limit, skip: offset }))
    return readStacks(page, contract)
  return []
}

/** In statements of some columns each. */
async function readApart(table: TableFile, contract: DataContract, range: string): Promise<JsonRow[]> {
  const pairs = contractColumns(table.reading, contract)
  const rows: unknown[][] = []
  const placed = pairs.map(({ column }, place) => ({ column, place }))
  const groups = [...readTogether(table.file, placed, { most: COLUMNS_A_PASS, indexOf: ({ column }) => column.index })]
  for (const group of pairs.length === 0 ? [[]] : groups) {
    // Not streamed: a streamed result with a LIMIT does not keep the order of the file.
    const columns = group.map(({ column }) => column)
    const page = await table.engine.rows(`${selection(table, columns)}${range}`)
    for (const [i, cells] of page.entries()) {
      rows[i] ??= Array(pairs.length)
      const row = rows[i]!
      for (const [k, { place }] of group.entries()) row[place] = cells[k]
    }
  }
  return rows.map((cells) => jsonRow(pairs, cells))
}

type Pairs = ReturnType<typeof contractColumns>

function jsonRow(pairs: Pairs, cells: readonly unknown[]): JsonRow {
  const row: JsonRow = {}
  for (const [k, { contract }] of pairs.entries()) setCell(row, contract, cells[k])
  return row
}

/** All rows of a table in strips. */
async function readStacks(table: TableFile, contract: DataContract): Promise<JsonRow[]> {
  const pairs = contractColumns(table.reading, contract)
  const rows = Array.from({ length: rowsIn(table.file) }, (): unknown[] => Array(pairs.length))
  const placed = pairs.map(({ column }, place) => ({ column, place }))
  for (const stack of stacksOf(table.file, placed, { columnOf: ({ column }) => column })) {
    const columns = stack.map(({ column }) => column)
    let [row, k] = [0, 0]
    const sql = `SELECT x${columns[0]!.index} FROM ${stackRelation(table, columns)}`
    for await (const chunk of table.engine.chunks(sql)) {
      for (const cell of chunk.getColumnValues(0)) {
        rows[row]![stack[k]!.place] = cell
        if (++k < stack.length) continue
        k = 0
        row++
      }
    }
    if (k !== 0 || row !== rows.length) throw new Error(`Strips of ${rows.length} rows were read as ${row}`)
  }
  return rows.map((cells) => jsonRow(pairs, cells))
}

/** All rows in file order, about 2,000 at a time. */
export async function* streamRows(
  table: TableFile,
  contract: DataContract,
  where: StripOptions,
): AsyncGenerator<JsonRow[]> {
  if (isWide(table)) {
    const rows = Math.max(1, Math.floor(CELLS_A_PART / table.reading.columns.length))
    for await (const part of stripsOfRows(table, { ...where, rows })) yield await readStacks(part, contract)
    return
  }
  const pairs = contractColumns(table.reading, contract)
  const columns = pairs.map(({ contract }) => contract)
  const sql = selection(
    table,
    pairs.map(({ column }) => column),
  )
  for await (const chunk of table.engine.chunks(sql)) {
    const rows: JsonRow[] = Array.from({ length: chunk.rowCount }, () => ({}))
    for (const [k, column] of columns.entries()) {
      const cells = chunk.getColumnValues(k)
      for (const [i, row] of rows.entries()) setCell(row, column, cells[i])
    }
    yield rows
  }
}

function selection(table: TableFile, columns: readonly TypedColumn[]): string {
  const relation = typedRelation(table.file, table.reading, { columns, rowNumbers: 'none' })
  return `SELECT ${columns.map(({ index }) => `x${index}`).join(', ') || '1'} FROM ${relation}`
}

function setCell(row: JsonRow, { name, dtype }: ContractColumn, value: unknown): void {
  const cell = dtype === 'datetime' && typeof value === 'number' ? new Date(value).toISOString() : value
  row[name] = (cell ?? null) as JsonRow[string]
}
