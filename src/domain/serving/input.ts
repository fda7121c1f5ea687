// From the rows a caller sends to the tensors a model takes. Compiled once per version; every cell goes through the same
// `parseCell` that read the training file, so '?' or '42' mean at serving time what they meant there.
import type { ColumnDtype } from '../../contract/datasets.ts'
import type { Signature, SignatureInput } from '../../contract/models.ts'
import type { FieldError } from '../../core/failure.ts'
import type { Tensor, Tensors } from '../../runtime/index.ts'
import { parseCell } from '../../tables/cell.ts'

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
  /** One row of missing values, to warm the model up. */
  readonly sample: Tensors
}

type Cells = Float64Array | string[]

export function compileRowReader(signature: Signature): RowReader {
  const inputs = signature.inputs
  const positions = new Map(inputs.map((input, index) => [input.name, index]))
  const types = inputs.map((input) => tensorType(input.dtype))
  const empty = (count: number): Cells[] =>
    types.map((type) => (type === 'string' ? new Array<string>(count).fill('') : new Float64Array(count)))

  const toFeeds = (cells: readonly Cells[], count: number): Tensors => {
    const feeds: Record<string, Tensor> = {}
    for (let i = 0; i < inputs.length; i++) feeds[inputs[i]!.name] = tensorOf(cells[i]!, types[i]!, count)
    return feeds
  }

  return {
    read(rows, place) {
      const cells = empty(rows.length)
      const kept: number[] = []
      const errors = new Map<number, readonly FieldError[]>()
      for (let index = 0; index < rows.length; index++) {
        const problems = readRow(rows[index], { inputs, positions, cells, at: kept.length, place: () => place(index) })
        if (problems.length > 0) errors.set(index, problems)
        else kept.push(index)
      }
      return { feeds: toFeeds(cells, kept.length), rows: kept, errors }
    },
    get sample() {
      const cells = empty(1)
      for (const column of cells) if (column instanceof Float64Array) column[0] = Number.NaN
      return toFeeds(cells, 1)
    },
  }
}

/** Words travel as strings, everything else as a float64 in which NaN is a missing value (see ml/encode). */
function tensorType(dtype: ColumnDtype): 'string' | 'float64' {
  return dtype === 'string' || dtype === 'text' ? 'string' : 'float64'
}

function tensorOf(cells: Cells, type: Tensor['type'], count: number): Tensor {
  const dims = [count, 1]
  if (cells instanceof Float64Array) return { type, dims, data: cells.length === count ? cells : cells.slice(0, count) }
  return { type, dims, data: cells.length === count ? cells : cells.slice(0, count) }
}

interface RowTarget {
  readonly inputs: readonly SignatureInput[]
  readonly positions: ReadonlyMap<string, number>
  readonly cells: readonly Cells[]
  /** Row of the tensors to write to. */
  readonly at: number
  readonly place: () => string
}

const NO_ERRORS: readonly FieldError[] = []

function readRow(row: unknown, target: RowTarget): readonly FieldError[] {
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
    if (Object.hasOwn(row, name)) {
      known++
      errors = readCell(row[name], i, target, errors)
    } else {
      errors = readCell(undefined, i, target, errors)
    }
  }
  if (Object.keys(row).length > known) {
    for (const name of Object.keys(row)) {
      if (!positions.has(name)) errors = withError(errors, target, name, 'is not a column of this model', row[name])
    }
  }
  return errors
}

function readCell(
  value: unknown,
  column: number,
  target: RowTarget,
  errors: readonly FieldError[],
): readonly FieldError[] {
  const input = target.inputs[column]!
  const cell = parseCell(input.dtype, value)
  if (cell.error !== undefined) return withError(errors, target, input.name, cell.error, value)
  if (cell.value === null && !input.nullable) {
    const message = value === undefined ? 'is required' : 'must not be missing'
    return withError(errors, target, input.name, message, value)
  }
  const cells = target.cells[column]!
  if (cells instanceof Float64Array) cells[target.at] = cell.value === null ? Number.NaN : Number(cell.value)
  else cells[target.at] = cell.value === null ? '' : String(cell.value)
  return errors
}

function withError(
  errors: readonly FieldError[],
  target: RowTarget,
  column: string,
  message: string,
  value: unknown,
): readonly FieldError[] {
  const place = target.place()
  const field = place ? `${place}.${column}` : column
  return [...errors, { field, message, ...(value !== undefined && { value }) }]
}
