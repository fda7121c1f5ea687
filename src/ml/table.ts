// A table in memory, by columns, as the learning code wants it. Three physical forms carry the six dtypes of a contract.

/** number, integer, boolean (0/1) and datetime (milliseconds since 1970, UTC); missing = NaN. */
export interface NumberColumn {
  readonly form: 'number'
  readonly values: Float64Array
}

/** string: `dictionary[codes[row]]`; missing = code -1. The dictionary is in order of first appearance, without duplicates. */
export interface CategoryColumn {
  readonly form: 'category'
  readonly codes: Int32Array
  readonly dictionary: readonly string[]
}

/** text: missing = null. */
export interface TextColumn {
  readonly form: 'text'
  readonly values: readonly (string | null)[]
}

export type Column = NumberColumn | CategoryColumn | TextColumn

export interface Table {
  readonly rows: number
  readonly columns: ReadonlyMap<string, Column>
}

/** The rows named by `rows` (0-based, any order, repeats allowed), copied. */
export function selectRows(table: Table, rows: Uint32Array): Table {
  const columns = new Map<string, Column>()
  for (const [name, column] of table.columns) columns.set(name, selectColumn(column, rows))
  return { rows: rows.length, columns }
}

function selectColumn(column: Column, rows: Uint32Array): Column {
  switch (column.form) {
    case 'number': {
      const values = new Float64Array(rows.length)
      for (let i = 0; i < rows.length; i++) values[i] = column.values[rows[i]!]!
      return { form: 'number', values }
    }
    case 'category': {
      const codes = new Int32Array(rows.length)
      for (let i = 0; i < rows.length; i++) codes[i] = column.codes[rows[i]!]!
      return { form: 'category', codes, dictionary: column.dictionary }
    }
    case 'text':
      return { form: 'text', values: Array.from(rows, (row) => column.values[row] ?? null) }
  }
}
