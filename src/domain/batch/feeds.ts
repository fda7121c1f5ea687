// From columns of a file to the tensors of a model, without a JavaScript value for every cell. Takes only what is clean: one
// cell that a prediction request would refuse sends the chunk the slow way, where every row is judged by itself.
import type { Signature } from '../../contract/models.ts'
import type { Column, Table } from '../../ml/table.ts'
import type { ModelInfo, Tensor, Tensors } from '../../runtime/index.ts'
import {
  type Cells,
  emptyCells,
  type Layout,
  layoutOf,
  type TensorLayout,
  tensorOf,
  WHOLE_RANGE,
} from '../models/index.ts'

/** The rows as the model takes them; undefined where one of them would be refused. */
export type TableFeeds = (table: Table) => Tensors | undefined

/** Columns that are not in the table are missing values. */
export function compileFeeds(signature: Signature, info: ModelInfo): TableFeeds {
  const layout = layoutOf(signature.inputs, info)
  return (table) => {
    const columns = columnsOf(signature, layout, table)
    return columns && feedsOf(layout, columns, table.rows)
  }
}

type Placed = readonly (readonly (Column | undefined)[])[]

/** By tensor and place in it. */
function columnsOf(signature: Signature, layout: Layout, table: Table): Placed | undefined {
  const columns = layout.tensors.map((tensor): (Column | undefined)[] => new Array(tensor.width).fill(undefined))
  for (const [i, input] of signature.inputs.entries()) {
    const { tensor, offset } = layout.slots[i]!
    const column = table.columns.get(input.name)
    if (!column) {
      if (!input.nullable) return undefined
      continue
    }
    const range = WHOLE_RANGE[layout.tensors[tensor]!.type]
    if (!isClean(column, input.nullable, range)) return undefined
    columns[tensor]![offset] = column
  }
  return columns
}

function isClean(column: Column, nullable: boolean, range: readonly [number, number] | undefined): boolean {
  if (column.form === 'category') return nullable || !column.codes.includes(-1)
  if (column.form === 'text') return nullable || !column.values.includes(null)
  const { values } = column
  if (nullable && !range) return true
  for (let row = 0; row < values.length; row++) {
    const value = values[row]!
    if (Number.isNaN(value) ? !nullable : range && (value < range[0] || value > range[1])) return false
  }
  return true
}

function feedsOf(layout: Layout, columns: Placed, rows: number): Tensors {
  const feeds: Record<string, Tensor> = {}
  for (const [t, tensor] of layout.tensors.entries()) {
    feeds[tensor.name] = tensorOf(tensor, cellsOf(tensor, columns[t]!, rows), rows)
  }
  return feeds
}

function cellsOf(tensor: TensorLayout, columns: readonly (Column | undefined)[], rows: number): Cells {
  const [only] = columns
  if (tensor.width === 1 && only?.form === 'number' && tensor.type !== 'string') return only.values
  const cells = emptyCells(tensor, rows)
  for (const [offset, column] of columns.entries()) {
    if (!column) continue
    for (let row = 0, at = offset; row < rows; row++, at += tensor.width) {
      if (cells instanceof Float64Array) cells[at] = column.form === 'number' ? column.values[row]! : Number.NaN
      else cells[at] = textOf(column, row)
    }
  }
  return cells
}

function textOf(column: Column, row: number): string {
  if (column.form === 'category') return column.dictionary[column.codes[row]!] ?? ''
  if (column.form === 'text') return column.values[row] ?? ''
  const value = column.values[row]!
  return Number.isNaN(value) ? '' : String(value)
}
