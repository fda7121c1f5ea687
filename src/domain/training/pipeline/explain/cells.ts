// Cells of a table as a caller would send them, and tables put together from the cells of others.
import type { SignatureInput } from '../../../../contract/models.ts'
import type { Coalition } from '../../../../ml/explain/shapley.ts'
import type { Column, Table } from '../../../../ml/table.ts'

export type CellValue = string | number | boolean | null

/** The furthest millisecond that has a date. */
const LAST_DATE = 8.64e15

export function cellAt({ dtype }: Pick<SignatureInput, 'dtype'>, column: Column, row: number): CellValue {
  if (column.form === 'text') return column.values[row] ?? null
  if (column.form === 'category') return column.dictionary[column.codes[row]!] ?? null
  const value = column.values[row]!
  if (!Number.isFinite(value)) return null
  if (dtype === 'boolean') return value === 1
  if (dtype !== 'datetime') return value
  return Math.abs(value) <= LAST_DATE ? new Date(value).toISOString() : null
}

/** Rows as lists of values in the order of the inputs. */
export function rowsOf(table: Table, inputs: readonly SignatureInput[]): CellValue[][] {
  return Array.from({ length: table.rows }, (_, row) =>
    inputs.map((input) => cellAt(input, table.columns.get(input.name)!, row)),
  )
}

/** Every column as it is but one, whose cells are those of the rows named. */
export function withColumn(table: Table, name: string, rows: ArrayLike<number>): Table {
  const columns = new Map(table.columns)
  columns.set(name, picked(table.columns.get(name)!, rows))
  return { rows: table.rows, columns }
}

function picked(column: Column, rows: ArrayLike<number>): Column {
  switch (column.form) {
    case 'number':
      return { form: 'number', values: Float64Array.from(rows, (row) => column.values[row]!) }
    case 'category':
      return { ...column, codes: Int32Array.from(rows, (row) => column.codes[row]!) }
    case 'text':
      return { form: 'text', values: Array.from(rows, (row) => column.values[row] ?? null) }
  }
}

/** One row for each coalition: of `row` where the column is a member, else of the coalition's own row. */
export function mixTable(
  table: Table,
  names: readonly string[],
  { row, coalitions }: { readonly row: number; readonly coalitions: readonly Coalition[] },
): Table {
  const columns = names.map((name, player) => {
    const rows = coalitions.map((coalition) => (coalition.members[player] === 1 ? row : coalition.row))
    return [name, picked(table.columns.get(name)!, rows)] as const
  })
  return { rows: coalitions.length, columns: new Map(columns) }
}
