// From the rows a caller sends to the tensors a model takes. Compiled once per version; every cell goes through the same
// `parseCell` that read the training file, so '?' or '42' mean at serving time what they meant there.
import type { Signature, SignatureInput } from '../../contract/models.ts'
import type { FieldError } from '../../core/failure.ts'
import { type ModelInfo, Row, type RowCell, type Tensor, type TensorInfo, type Tensors } from '../../runtime/index.ts'
import { BadCell, type Cell, parseCell } from '../../tables/cell.ts'
import { type Cells, emptyCells, layoutOf, type TensorLayout, tensorOf, WHOLE_RANGE } from '../models/index.ts'

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
  /** The row, or what is wrong with it; `place` is put before the column name. */
  readOne(row: unknown, place: () => string): Row | readonly FieldError[]
  /** One row of missing values (zero where the type has none), to warm the model up. */
  readonly sample: Tensors
  readonly rowByRow: boolean
}

export function compileRowReader(signature: Signature, info: ModelInfo): RowReader {
  const inputs = signature.inputs
  const layout = layoutOf(inputs, info)
  const starts = startsOf(layout.tensors)
  const columns = inputs.map((input, index): ReadColumn => {
    const { tensor, offset } = layout.slots[index]!
    const { type, width } = layout.tensors[tensor]!
    return { ...input, type, range: WHOLE_RANGE[type], tensor, width, offset, at: starts[tensor]! + offset }
  })
  const [only, second] = layout.tensors
  const positions = new Map(inputs.map((input, index) => [input.name, index]))
  const packed = only && !second && !positions.has(only.name) ? only.name : undefined
  const known = { columns, positions, packed }
  const emptyRow = layout.tensors.flatMap((tensor): readonly RowCell[] => [
    ...tensorOf(tensor, emptyCells(tensor, 1), 1).data,
  ])
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
        const target = new TableRow(cells, kept.length)
        const problems = readRow(rows[index], known, { target, place: () => place(index) })
        if (problems.length > 0) errors.set(index, problems)
        else kept.push(index)
      }
      return { feeds: toFeeds(layout.tensors, cells, kept.length), rows: kept, errors }
    },
    readOne(row, place) {
      const cells = emptyRow.slice()
      const problems = readRow(row, known, { target: new LoneRow(cells), place })
      return problems.length > 0 ? problems : new Row(info.inputs, cells)
    },
  }
}

/** Where the columns of each tensor begin in a row. */
function startsOf(tensors: readonly TensorLayout[]): number[] {
  let next = 0
  return tensors.map(({ width }) => {
    const start = next
    next += width
    return start
  })
}

function toFeeds(tensors: readonly TensorLayout[], cells: readonly Cells[], count: number): Tensors {
  const feeds: Record<string, Tensor> = {}
  for (let i = 0; i < tensors.length; i++) feeds[tensors[i]!.name] = tensorOf(tensors[i]!, cells[i]!, count)
  return feeds
}

interface ReadColumn extends SignatureInput {
  readonly type: TensorInfo['type']
  /** What the tensor has room for, where that is less than the column's type. */
  readonly range: (typeof WHOLE_RANGE)['int8'] | undefined
  readonly tensor: number
  /** Columns in its tensor, and its place among them. */
  readonly width: number
  readonly offset: number
  /** Its place in a row of all tensors. */
  readonly at: number
}

interface Known {
  readonly columns: readonly ReadColumn[]
  readonly positions: ReadonlyMap<string, number>
  /** Name of the only tensor, where it holds all columns and none of them is called like it. */
  readonly packed: string | undefined
}

interface Reading {
  readonly target: TableRow | LoneRow
  /** Where the row stands in the request; asked only where something is wrong with it. */
  readonly place: () => string
}

/** A row of the tensors of many. */
class TableRow {
  readonly #cells: readonly Cells[]
  readonly #row: number

  constructor(cells: readonly Cells[], row: number) {
    this.#cells = cells
    this.#row = row
  }

  /** A missing value is written too: a row with errors may have left something in this place. */
  put({ tensor, width, offset }: ReadColumn, cell: Cell): void {
    const at = this.#row * width + offset
    const cells = this.#cells[tensor]!
    if (cells instanceof Float64Array) cells[at] = cell === null ? Number.NaN : Number(cell)
    else cells[at] = cell === null ? '' : String(cell)
  }
}

/** A row by itself. */
class LoneRow {
  readonly #cells: RowCell[]

  constructor(cells: RowCell[]) {
    this.#cells = cells
  }

  put({ type, at }: ReadColumn, cell: Cell): void {
    if (cell === null) return
    if (type === 'string') this.#cells[at] = String(cell)
    else this.#cells[at] = type === 'int64' || type === 'uint64' ? BigInt(cell) : Number(cell)
  }
}

/** Where all columns lie in one tensor, `{X: [1, 2]}` means `[1, 2]`, as in the requests of tensor servers. */
function valuesOf(row: unknown, packed: string): unknown {
  if (row === null || typeof row !== 'object' || !Object.hasOwn(row, packed)) return row
  const values = (row as Readonly<Record<string, unknown>>)[packed]
  return Array.isArray(values) && Object.keys(row).length === 1 ? values : row
}

const NO_ERRORS: readonly FieldError[] = []
/** Of one row: what is wrong with thousands of columns would be a document of megabytes for every row of a request. */
const MOST_ERRORS = 50
const MOST_NAMED = 20

function readRow(given: unknown, known: Known, reading: Reading): readonly FieldError[] {
  const row = known.packed === undefined ? given : valuesOf(given, known.packed)
  if (Array.isArray(row)) return readValues(row, known, reading)
  if (row === null || typeof row !== 'object') {
    return [{ field: reading.place(), message: 'must be an object of columns or an array of values', value: row }]
  }
  return readColumns(row as Readonly<Record<string, unknown>>, known, reading)
}

function readValues(values: readonly unknown[], { columns }: Known, reading: Reading): readonly FieldError[] {
  if (values.length !== columns.length) {
    const names = columns.slice(0, MOST_NAMED).map(({ name }) => name)
    const list = `${names.join(', ')}${columns.length > MOST_NAMED ? ', …' : ''}`
    const message = `must hold ${columns.length} values, one for each of ${list}`
    return [{ field: reading.place(), message, value: values.length }]
  }
  let errors: FieldError[] | undefined
  for (let i = 0; i < columns.length; i++) {
    const problem = readCell(values[i], columns[i]!, reading)
    if (!problem) continue
    errors ??= []
    if (errors.push(problem) === MOST_ERRORS) return withMore(errors, reading)
  }
  return errors ?? NO_ERRORS
}

function readColumns(
  row: Readonly<Record<string, unknown>>,
  { columns, positions }: Known,
  reading: Reading,
): readonly FieldError[] {
  let errors: FieldError[] | undefined
  let known = 0
  for (const column of columns) {
    const given = Object.hasOwn(row, column.name)
    if (given) known++
    const problem = readCell(given ? row[column.name] : undefined, column, reading)
    if (!problem) continue
    errors ??= []
    if (errors.push(problem) === MOST_ERRORS) return withMore(errors, reading)
  }
  const names = Object.keys(row)
  if (names.length === known) return errors ?? NO_ERRORS
  errors ??= []
  for (const name of names) {
    if (positions.has(name)) continue
    const problem = wrong(reading, name, 'is not a column of this model', row[name])
    if (errors.push(problem) === MOST_ERRORS) return withMore(errors, reading)
  }
  return errors
}

function withMore(errors: readonly FieldError[], { place }: Reading): readonly FieldError[] {
  return [...errors, { field: place(), message: `is not looked at further behind ${MOST_ERRORS} errors` }]
}

function readCell(value: unknown, column: ReadColumn, reading: Reading): FieldError | undefined {
  const { name, range, type } = column
  const cell = parseCell(column, value)
  if (cell instanceof BadCell) return wrong(reading, name, cell.message, value)
  if (cell === null && !column.nullable) {
    return wrong(reading, name, value === undefined ? 'is required' : 'must not be missing', value)
  }
  if (range && typeof cell === 'number' && (cell < range[0] || cell > range[1])) {
    return wrong(reading, name, `must be between ${range[0]} and ${range[1]} (${type})`, value)
  }
  reading.target.put(column, cell)
  return undefined
}

function wrong({ place }: Reading, column: string, message: string, value: unknown): FieldError {
  const where = place()
  return { field: where ? `${where}.${column}` : column, message, ...(value !== undefined && { value }) }
}
