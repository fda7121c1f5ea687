// From the rows a caller sends to the tensors a model takes. Compiled once per version; every cell goes through the same
// `parseCell` that read the training file, so '?' or '42' mean at serving time what they meant there.
import type { Signature, SignatureInput } from '../../contract/models.ts'
import type { FieldError } from '../../core/failure.ts'
import type { ModelInfo, Tensor, Tensors } from '../../runtime/index.ts'
import { BadCell, parseCell } from '../../tables/cell.ts'
import {
  type Cells,
  emptyCells,
  type Layout,
  layoutOf,
  type TensorLayout,
  tensorOf,
  WHOLE_RANGE,
} from '../models/index.ts'

/** Rows as tensors; rows with errors have no place in the tensors. */
export interface ReadRows {
  readonly feeds: Tensors
  /** Index of each tensor row among the rows given. */
  readonly rows: readonly number[]
  /** Broken rules by index of the row given. */
  readonly errors: ReadonlyMap<number, readonly FieldError[]>
}

export interface RowReader {
  /** `place` is put before the column name in errors: `input_data` gives `input_data.age`. */
  read(rows: readonly unknown[], place: (index: number) => string): ReadRows
  /** One row of missing values (zero where the type has none), to warm the model up. */
  readonly sample: Tensors
  readonly rowByRow: boolean
}

export function compileRowReader(signature: Signature, info: ModelInfo): RowReader {
  const inputs = signature.inputs
  const layout = layoutOf(inputs, info)
  const ranges = layout.slots.map(({ tensor }) => WHOLE_RANGE[layout.tensors[tensor]!.type])
  const positions = new Map(inputs.map((input, index) => [input.name, index]))
  const [only, second] = layout.tensors
  const packed = only && !second && !positions.has(only.name) ? only.name : undefined
  return {
    rowByRow: layout.rowByRow,
    sample: toFeeds(
      layout.tensors,
      layout.tensors.map((tensor) => emptyCells(tensor, 1)),
      1,
    ),
    read(rows, place) {
      const cells = layout.tensors.map((tensor) => emptyCells(tensor, rows.length))
      const kept: number[] = []
      const errors = new Map<number, readonly FieldError[]>()
      for (let index = 0; index < rows.length; index++) {
        const target = { inputs, ranges, positions, layout, packed, cells, at: kept.length, place: () => place(index) }
        const problems = readRow(rows[index], target)
        if (problems.length > 0) errors.set(index, problems)
        else kept.push(index)
      }
      return { feeds: toFeeds(layout.tensors, cells, kept.length), rows: kept, errors }
    },
  }
}

function toFeeds(tensors: readonly TensorLayout[], cells: readonly Cells[], count: number): Tensors {
  const feeds: Record<string, Tensor> = {}
  for (let i = 0; i < tensors.length; i++) feeds[tensors[i]!.name] = tensorOf(tensors[i]!, cells[i]!, count)
  return feeds
}

interface RowTarget {
  readonly inputs: readonly SignatureInput[]
  /** What the tensor of each column has room for, where that is less than the column's type. */
  readonly ranges: readonly ((typeof WHOLE_RANGE)['int8'] | undefined)[]
  readonly positions: ReadonlyMap<string, number>
  readonly layout: Layout
  /** Name of the only tensor, where it holds all columns and none of them is called like it. */
  readonly packed: string | undefined
  readonly cells: readonly Cells[]
  /** Row of the tensors to write to. */
  readonly at: number
  readonly place: () => string
}

/** Where all columns lie in one tensor, `{X: [1, 2]}` means `[1, 2]`, as in the requests of tensor servers. */
function valuesOf(row: unknown, packed: string): unknown {
  if (row === null || typeof row !== 'object' || !Object.hasOwn(row, packed)) return row
  const values = (row as Readonly<Record<string, unknown>>)[packed]
  return Array.isArray(values) && Object.keys(row).length === 1 ? values : row
}

const NO_ERRORS: readonly FieldError[] = []

function readRow(given: unknown, target: RowTarget): readonly FieldError[] {
  const row = target.packed === undefined ? given : valuesOf(given, target.packed)
  if (Array.isArray(row)) return readValues(row, target)
  if (row === null || typeof row !== 'object') {
    return [{ field: target.place(), message: 'must be an object of columns or an array of values', value: row }]
  }
  return readColumns(row as Readonly<Record<string, unknown>>, target)
}

function readValues(values: readonly unknown[], target: RowTarget): readonly FieldError[] {
  const { inputs } = target
  if (values.length !== inputs.length) {
    const message = `must hold ${inputs.length} values, one for each of ${inputs.map((i) => i.name).join(', ')}`
    return [{ field: target.place(), message, value: values.length }]
  }
  let errors = NO_ERRORS
  for (let i = 0; i < inputs.length; i++) errors = readCell(values[i], i, target, errors)
  return errors
}

function readColumns(row: Readonly<Record<string, unknown>>, target: RowTarget): readonly FieldError[] {
  const { inputs, positions } = target
  let errors = NO_ERRORS
  let known = 0
  for (let i = 0; i < inputs.length; i++) {
    const name = inputs[i]!.name
    const given = Object.hasOwn(row, name)
    if (given) known++
    errors = readCell(given ? row[name] : undefined, i, target, errors)
  }
  const names = Object.keys(row)
  if (names.length === known) return errors
  const unknown = names.filter((name) => !positions.has(name))
  return [...errors, ...unknown.map((name) => problem(target, name, 'is not a column of this model', row[name]))]
}

function readCell(
  value: unknown,
  column: number,
  target: RowTarget,
  errors: readonly FieldError[],
): readonly FieldError[] {
  const input = target.inputs[column]!
  const cell = parseCell(input, value)
  if (cell instanceof BadCell) return [...errors, problem(target, input.name, cell.message, value)]
  if (cell === null && !input.nullable) {
    const message = value === undefined ? 'is required' : 'must not be missing'
    return [...errors, problem(target, input.name, message, value)]
  }
  const range = target.ranges[column]
  if (range && typeof cell === 'number' && (cell < range[0] || cell > range[1])) {
    const type = target.layout.tensors[target.layout.slots[column]!.tensor]!.type
    return [...errors, problem(target, input.name, `must be between ${range[0]} and ${range[1]} (${type})`, value)]
  }
  // A missing value is written too: a row with errors may have left something in this place.
  const { tensor, offset } = target.layout.slots[column]!
  const at = target.at * target.layout.tensors[tensor]!.width + offset
  const cells = target.cells[tensor]!
  if (cells instanceof Float64Array) cells[at] = cell === null ? Number.NaN : Number(cell)
  else cells[at] = cell === null ? '' : String(cell)
  return errors
}

function problem(target: RowTarget, column: string, message: string, value: unknown): FieldError {
  const place = target.place()
  return { field: place ? `${place}.${column}` : column, message, ...(value !== undefined && { value }) }
}
