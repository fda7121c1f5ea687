// The tensors a graph is fed with: one [n, 1] tensor per column, float64 or string, missing cells as NaN or ''.
import type { ColumnDtype, ContractColumn } from '../../contract/datasets.ts'
import { fail } from '../../core/failure.ts'
import type { Column, Table } from '../table.ts'

export interface EncodingInput {
  /** Name of the column and of the graph input. */
  readonly name: string
  readonly dtype: ColumnDtype
  readonly tensorType: 'float64' | 'string'
}

/** A tensor as plain data; whoever runs the graph makes the runtime's own object of it. */
export type FeedTensor = { readonly dims: readonly [number, number] } & (
  | { readonly type: 'float64'; readonly data: Float64Array }
  | { readonly type: 'string'; readonly data: readonly string[] }
)
export type Feeds = Readonly<Record<string, FeedTensor>>

export function encodingInput({ name, dtype }: Pick<ContractColumn, 'name' | 'dtype'>): EncodingInput {
  return { name, dtype, tensorType: dtype === 'string' || dtype === 'text' ? 'string' : 'float64' }
}

/** The tensors for rows `start` to `end - 1`. */
export function columnFeeds(table: Table, inputs: readonly EncodingInput[], start: number, end: number): Feeds {
  return feeds(table, inputs, {
    count: Math.max(0, end - start),
    numbers: (values) => values.subarray(start, end),
    at: (i) => start + i,
  })
}

/** The tensors for the rows named, in that order. */
export function rowFeeds(table: Table, inputs: readonly EncodingInput[], rows: Uint32Array): Feeds {
  return feeds(table, inputs, {
    count: rows.length,
    numbers: (values) => Float64Array.from(rows, (row) => values[row]!),
    at: (i) => rows[i]!,
  })
}

interface Rows {
  readonly count: number
  readonly numbers: (values: Float64Array) => Float64Array
  readonly at: (i: number) => number
}

function feeds(table: Table, inputs: readonly EncodingInput[], rows: Rows): Feeds {
  const made: Record<string, FeedTensor> = Object.create(null)
  for (const input of inputs) {
    const column = table.columns.get(input.name)
    if (!column) throw fail('invalid', 'COLUMN_MISSING', `The table has no column "${input.name}"`)
    made[input.name] = feed(column, input, rows)
  }
  return made
}

function feed(column: Column, input: EncodingInput, rows: Rows): FeedTensor {
  const dims = [rows.count, 1] as const
  if ((column.form === 'number') !== (input.tensorType === 'float64')) {
    throw fail('internal', 'COLUMN_FORM', `Column "${input.name}" is stored as ${column.form}, not as ${input.dtype}`)
  }
  if (column.form === 'number') return { type: 'float64', dims, data: rows.numbers(column.values) }
  const data = new Array<string>(rows.count)
  if (column.form === 'text') for (let i = 0; i < rows.count; i++) data[i] = column.values[rows.at(i)] ?? ''
  else for (let i = 0; i < rows.count; i++) data[i] = column.dictionary[column.codes[rows.at(i)]!] ?? ''
  return { type: 'string', dims, data }
}
