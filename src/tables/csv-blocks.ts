// A piece of CSV, cut by split.ts, as typed columns, some rows at a time and with no engine: the bytes are in memory already, and
// DuckDB, which must be given a file of text cells to cast, takes several times the processor time (docs/decisions/032).
import type { ContractColumn } from '../contract/datasets.ts'
import type { Column, Table } from '../ml/table.ts'
import {
  BadCell,
  type Cell,
  type CellColumn,
  isSlashed,
  parseMoment,
  parseText,
  type SlashOrder,
  trimCell,
  withPoint,
} from './cell.ts'
import { CellScanner } from './csv-cells.ts'
import type { Reading } from './reading.ts'

/** Rows that lie from byte `start` to byte `end` (not included) of the piece. */
export interface CsvBlock {
  readonly rows: number
  readonly start: number
  readonly end: number
  /** Undefined where a row has another number of cells than the header, or a cell does not fit its column. */
  readonly table: Table | undefined
}

export interface CsvBlocksOptions {
  readonly reading: Reading
  /** The columns to read; what `categories` lists is no missing word. Those that are not in the file are left out. */
  readonly wanted: readonly Pick<ContractColumn, 'name' | 'dtype' | 'categories'>[]
  /** Most rows of a block. */
  readonly rows: number
  /** So many blocks, the newest among them, are held at a time: what lies in one before them is written over. Default all. */
  readonly held?: number
}

/** The blocks of a piece without its header, in order. */
export function* csvBlocks(
  bytes: Buffer,
  { reading, wanted, rows: most, held = Number.POSITIVE_INFINITY }: CsvBlocksOptions,
): Generator<CsvBlock> {
  const { columns, delimiter = ',', decimalComma = false } = reading
  const cells = new CellScanner(bytes, delimiter)
  const places = new Map(wanted.map(({ name }, place) => [name, place]))
  const memory: Float64Array[] = []
  for (let block = 0; cells.nextRow(columns.length); block++) {
    const start = cells.at
    // One piece of memory for all columns, and used again: fresh ones would keep the garbage collector busy.
    memory[block % held] ??= new Float64Array(wanted.length * most)
    const numbers = memory[block % held]!
    const sinks = columns.map(({ name, slashOrder }) => {
      const place = places.get(name)
      if (place === undefined) return undefined
      const part = numbers.subarray(place * most, (place + 1) * most)
      return makeSink(wanted[place]!, { slashOrder, decimalComma }, part)
    })
    let rows = 0
    let fits = true
    do {
      fits = readRow(cells, sinks, rows) && fits
      rows++
    } while (rows < most && cells.nextRow(columns.length))
    const end = Math.min(cells.at, bytes.length)
    yield { rows, start, end, table: fits ? tableOf(sinks, rows) : undefined }
  }
}

interface Written {
  readonly slashOrder: SlashOrder | undefined
  readonly decimalComma: boolean
}

interface Sink extends Written {
  readonly name: string
  readonly column: CellColumn
  readonly isNumber: boolean
  readonly isWhole: boolean
  readonly numbers: Float64Array
  readonly texts: (string | null)[] | undefined
}

function makeSink(
  { name, dtype, categories }: CsvBlocksOptions['wanted'][number],
  written: Written,
  numbers: Float64Array,
): Sink {
  const isText = dtype === 'string' || dtype === 'text'
  return {
    name,
    column: { dtype, categories },
    ...written,
    isNumber: dtype === 'number' || dtype === 'integer',
    isWhole: dtype === 'integer',
    numbers,
    texts: isText ? [] : undefined,
  }
}

/** False where the row does not fit; it is read to its end all the same. */
function readRow(cells: CellScanner, sinks: readonly (Sink | undefined)[], row: number): boolean {
  let fits = true
  for (let i = 0; i < sinks.length; i++) {
    const sink = sinks[i]
    if (!sink) cells.text()
    else if (!readCell(cells, sink, row)) fits = false
    if (cells.endsRow && i < sinks.length - 1) return false
  }
  if (cells.endsRow) return fits
  // A delimiter behind the last cell is a habit of some programs.
  fits = cells.text() === '' && cells.endsRow && fits
  while (!cells.endsRow) cells.text()
  return fits
}

function readCell(cells: CellScanner, sink: Sink, row: number): boolean {
  if (sink.isNumber) {
    const number = cells.decimal()
    if (number !== undefined) {
      sink.numbers[row] = number
      return !sink.isWhole || Number.isInteger(number)
    }
  }
  const cell = typed(cells.text(), sink)
  if (cell instanceof BadCell) return false
  if (sink.texts) sink.texts.push(cell as string | null)
  else sink.numbers[row] = cell === null ? Number.NaN : (cell as number)
  return true
}

function typed(text: string, { column, slashOrder, decimalComma, isNumber }: Sink): Cell | BadCell {
  if (decimalComma && isNumber) return parseText(column, withPoint(text))
  if (slashOrder && column.dtype === 'datetime') {
    const trimmed = trimCell(text)
    const moment = isSlashed(trimmed) ? parseMoment(trimmed, slashOrder) : undefined
    if (moment !== undefined) return moment
  }
  return parseText(column, text)
}

function tableOf(sinks: readonly (Sink | undefined)[], rows: number): Table {
  const columns = new Map<string, Column>()
  for (const sink of sinks) {
    if (!sink) continue
    const { name, numbers, texts } = sink
    columns.set(name, texts ? { form: 'text', values: texts } : { form: 'number', values: numbers.subarray(0, rows) })
  }
  return { rows, columns }
}
