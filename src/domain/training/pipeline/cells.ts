// One cell of a column as a plain value, whatever form the column has.
import type { Column } from '../../../ml/table.ts'

/** Null where it is missing. */
export function cellOf(column: Column, row: number): number | string | null {
  if (column.form === 'number') {
    const value = column.values[row]!
    return Number.isNaN(value) ? null : value
  }
  if (column.form === 'category') return column.dictionary[column.codes[row]!] ?? null
  return column.values[row] ?? null
}
