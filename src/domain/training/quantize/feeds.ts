// Rows of a table as the tensors a graph takes, by the signature rather than by name: an imported model may pack several
// columns into one tensor, and its dataset may call them anything. Without a table, numbers are made up.
import { fail } from '../../../core/failure.ts'
import { seededRandom } from '../../../core/random.ts'
import type { Tensor, TensorInfo, Tensors } from '../../../core/tensors.ts'
import type { Column, Table } from '../../../ml/table.ts'

export interface Feeder {
  /** Rows there are; made-up rows have no end. */
  readonly rows: number
  /** The graph takes one row at a time. */
  readonly single: boolean
  feeds(rows: Uint32Array): Tensors
}

export interface TableFeed {
  readonly table: Table
  /** Columns of the table in the order of the signature, and what that calls them. */
  readonly columns: readonly string[]
  readonly names: readonly string[]
  readonly inputs: readonly TensorInfo[]
}

export function tableFeeder({ table, columns: given, names: called, inputs }: TableFeed): Feeder {
  const columns = inGraphOrder(given, called, inputs)
  let next = 0
  const placed = inputs.map((input) => {
    const width = widthOf(input)
    const names = columns.slice(next, next + width)
    next += width
    return { input, columns: names.map((name) => columnOf(table, name)) }
  })
  if (next !== columns.length) {
    throw fail(
      'invalid',
      'MODEL_INPUT_INVALID',
      `The model takes ${next} columns, and ${columns.length} are known of it`,
    )
  }
  return {
    rows: table.rows,
    single: inputs.some(({ dims }) => dims[0] === 1),
    feeds: (rows) => Object.fromEntries(placed.map((one) => [one.input.name, tensorOf(one.input, one.columns, rows)])),
  }
}

/** MLflow has an order of its own for the columns of a graph that takes each by its name. */
function inGraphOrder(columns: readonly string[], called: readonly string[], inputs: readonly TensorInfo[]) {
  const own = inputs.flatMap((input) => {
    const width = widthOf(input)
    return width === 1 ? [input.name] : Array.from({ length: width }, (_, i) => `${input.name}[${i}]`)
  })
  const places = own.map((name) => called.indexOf(name))
  return places.includes(-1) ? columns : places.map((place) => columns[place]!)
}

function widthOf({ dims }: TensorInfo): number {
  return dims.length === 2 ? (dims[1] ?? 1) : 1
}

function columnOf(table: Table, name: string): Column {
  const column = table.columns.get(name)
  if (!column) throw fail('invalid', 'MODEL_INPUT_INVALID', `The dataset has no column "${name}"`)
  return column
}

function tensorOf({ name, type, dims }: TensorInfo, columns: readonly Column[], rows: Uint32Array): Tensor {
  const shape = dims.length === 1 ? [rows.length] : [rows.length, columns.length]
  const length = rows.length * columns.length
  const cell = (i: number) => ({ column: columns[i % columns.length]!, row: rows[Math.floor(i / columns.length)]! })
  if (type === 'string') {
    const data = Array.from({ length }, (_, i) => textAt(cell(i)))
    return { type, dims: shape, data }
  }
  const numbers = Float64Array.from({ length }, (_, i) => numberAt(name, cell(i)))
  return { type, dims: shape, data: typed(type, numbers) }
}

interface Cell {
  readonly column: Column
  readonly row: number
}

function textAt({ column, row }: Cell): string {
  if (column.form === 'text') return column.values[row] ?? ''
  if (column.form === 'category') return column.dictionary[column.codes[row]!] ?? ''
  const value = column.values[row]!
  return Number.isNaN(value) ? '' : String(value)
}

function numberAt(name: string, { column, row }: Cell): number {
  if (column.form === 'number') return column.values[row]!
  throw fail('invalid', 'MODEL_INPUT_INVALID', `Input "${name}" takes numbers, its column holds text`)
}

const PLAIN = {
  float64: Float64Array,
  float32: Float32Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const

/** A missing value in a type that cannot say so is 0. */
function typed(type: TensorInfo['type'], values: Float64Array): Tensor['data'] {
  if (type === 'int64') return BigInt64Array.from(values, (value) => BigInt(Math.round(value || 0)))
  if (type === 'uint64') return BigUint64Array.from(values, (value) => BigInt(Math.max(0, Math.round(value || 0))))
  if (type === 'string' || type === 'float16') {
    throw fail('invalid', 'MODEL_INPUT_UNSUPPORTED', `Columns cannot be given as ${type}`)
  }
  return PLAIN[type].from(values)
}

/** The size of one made-up row is bounded: an image of 64 megapixels tells no more than one of 4. */
const MOST_NUMBERS = 1 << 24

/** Normally distributed numbers; zeros and empty texts in the other types. An axis of any length but the first has one place. */
export function madeUpFeeder(inputs: readonly TensorInfo[]): Feeder {
  const random = seededRandom(1)
  const single = inputs.some(({ dims }) => dims.length === 0 || dims[0] !== null)
  return {
    rows: Number.POSITIVE_INFINITY,
    single,
    feeds: (rows) =>
      Object.fromEntries(
        inputs.map(({ name, type, dims: declared }): [string, Tensor] => {
          const dims = declared.map((dim, i) => dim ?? (i === 0 && !single ? rows.length : 1))
          const length = dims.reduce((product, dim) => product * dim, 1)
          if (length > MOST_NUMBERS)
            throw fail('invalid', 'MODEL_INPUT_UNSUPPORTED', `"${name}" takes ${length} numbers`)
          if (type === 'string') return [name, { type, dims, data: new Array<string>(length).fill('') }]
          if (type === 'float16') return [name, { type, dims, data: new Uint16Array(length) }]
          const float = type === 'float32' || type === 'float64'
          const values = Float64Array.from({ length }, () => (float ? random.normal() : 0))
          return [name, { type, dims, data: typed(type, values) }]
        }),
      ),
  }
}
