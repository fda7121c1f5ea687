// The rows of a chunk as a prediction request would send them, some at a time: every cell is looked at by itself, and a line
// that holds no row stands in its place with the reason.
import type { Signature } from '../../contract/models.ts'
import { isSlashed, parseMoment, withPoint } from '../../tables/cell.ts'
import { csvRecords } from '../../tables/index.ts'
import type { BatchSource } from './store.ts'

const LINE_END = 10
const SPACE = 32

/** A line that holds no row. */
export class BadLine {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/** Rows that lie from byte `start` to byte `end` (not included) of the chunk. */
export interface RowBlock {
  readonly rows: number
  readonly start: number
  readonly end: number
}

/** JSON lines, at most `most` at a time. */
export function* lineBlocks(bytes: Buffer, most: number): Generator<RowBlock> {
  let first = 0
  let rows = 0
  let last = 0
  for (const { start, end } of lines(bytes)) {
    if (rows === 0) first = start
    last = end
    if (++rows < most) continue
    yield { rows, start: first, end }
    rows = 0
  }
  if (rows > 0) yield { rows, start: first, end: last }
}

/** Blank ones are no rows. */
function* lines(bytes: Buffer): Generator<Omit<RowBlock, 'rows'>> {
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LINE_END, start)
    const end = found < 0 ? bytes.length : found
    if (!isBlank(bytes, start, end)) yield { start, end }
    start = end + 1
  }
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i]! > SPACE) return false
  return true
}

/** `signature`: of the model, for which cells of a table are named; undefined for one that takes rows as they are. */
export function readRows(
  bytes: Buffer,
  { reading, ignoresUnknown }: BatchSource,
  signature: Signature | undefined,
): readonly unknown[] {
  if (reading.format === 'csv') return csvRows(bytes, reading, signature)
  const known = ignoresUnknown && signature ? new Set(signature.inputs.map(({ name }) => name)) : undefined
  const rows: unknown[] = []
  for (const { start, end } of lines(bytes)) {
    const row = parseLine(bytes.toString('utf8', start, end))
    rows.push(known && row !== null && typeof row === 'object' && !Array.isArray(row) ? only(row, known) : row)
  }
  return rows
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    return new BadLine(`is not valid JSON: ${(error as Error).message}`)
  }
}

function only(row: object, known: ReadonlySet<string>): object {
  return row instanceof BadLine ? row : Object.fromEntries(Object.entries(row).filter(([name]) => known.has(name)))
}

function csvRows(
  bytes: Buffer,
  { columns, delimiter = ',', decimalComma }: BatchSource['reading'],
  signature: Signature | undefined,
): readonly unknown[] {
  const known = new Map(signature?.inputs.map(({ name, dtype }) => [name, dtype]))
  return csvRecords(bytes, delimiter, columns.length).map((cells) => {
    const trailing = cells.length === columns.length + 1 && cells.at(-1) === ''
    if (cells.length !== columns.length && !trailing) {
      return new BadLine(`has ${cells.length} fields where the header has ${columns.length}`)
    }
    return Object.fromEntries(
      columns.flatMap(({ name, slashOrder }, i) => {
        const dtype = known.get(name)
        if (dtype === undefined) return []
        const isNumber = dtype === 'number' || dtype === 'integer'
        const cell = decimalComma && isNumber ? withPoint(cells[i]!.trim()) : cells[i]!.trim()
        const moment = slashOrder && isSlashed(cell) ? parseMoment(cell, slashOrder) : undefined
        return [[name, moment === undefined ? cell : new Date(moment).toISOString()]]
      }),
    )
  })
}
