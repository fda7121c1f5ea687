// Rows as JSON, for the eye and for batch jobs: numbers, true/false, ISO times, strings, and null where a cell is missing.
import type { ContractColumn, DataContract } from '../contract/datasets.ts'
import { contractColumns } from './check.ts'
import type { TableFile } from './facts.ts'
import { typedRelation } from './sql.ts'

export type JsonRow = Record<string, string | number | boolean | null>

/** Rows `offset` … `offset + limit` in file order. */
export async function readPage(
  table: TableFile,
  contract: DataContract,
  range: { readonly offset: number; readonly limit: number },
): Promise<JsonRow[]> {
  const { columns, sql } = selection(table, contract)
  // Not streamed: a streamed result with a LIMIT does not keep the order of the file.
  const page = await table.engine.rows(`${sql} LIMIT ${range.limit} OFFSET ${range.offset}`)
  return page.map((cells) => {
    const row: JsonRow = {}
    for (const [k, column] of columns.entries()) setCell(row, column, cells[k])
    return row
  })
}

/** All rows in file order, about 2,000 at a time. */
export async function* streamRows(table: TableFile, contract: DataContract): AsyncGenerator<JsonRow[]> {
  const { columns, sql } = selection(table, contract)
  for await (const chunk of table.engine.chunks(sql)) {
    const rows: JsonRow[] = Array.from({ length: chunk.rowCount }, () => ({}))
    for (const [k, column] of columns.entries()) {
      const cells = chunk.getColumnValues(k)
      for (const [i, row] of rows.entries()) setCell(row, column, cells[i])
    }
    yield rows
  }
}

function selection(table: TableFile, contract: DataContract): { columns: ContractColumn[]; sql: string } {
  const pairs = contractColumns(table.reading, contract)
  const relation = typedRelation(table.file, table.reading, {
    columns: pairs.map(({ column }) => column),
    rowNumbers: 'none',
  })
  const values = pairs.map(({ column }) => `x${column.index}`).join(', ') || '1'
  return { columns: pairs.map(({ contract }) => contract), sql: `SELECT ${values} FROM ${relation}` }
}

function setCell(row: JsonRow, { name, dtype }: ContractColumn, value: unknown): void {
  const cell = dtype === 'datetime' && typeof value === 'number' ? new Date(value).toISOString() : value
  row[name] = (cell ?? null) as JsonRow[string]
}
