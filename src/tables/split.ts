// Cuts a table into pieces of whole rows, so that several machines can each read their own piece as a range of bytes. Only
// line ends and quotes are looked at: a gigabyte takes seconds. Whatever is not plain CSV or JSON lines is made plain first.
import { open } from 'node:fs/promises'
import { identifier, quote } from './engine.ts'
import type { TableFile } from './facts.ts'
import type { Reading } from './reading.ts'
import { fileRelation } from './sql.ts'

/** Bytes `start` to `end` (not included) hold `rows` rows. */
export interface Piece {
  readonly start: number
  readonly end: number
  readonly rows: number
}

export interface PieceLimits {
  readonly rows: number
  /** A piece ends with the row that reaches this. */
  readonly bytes: number
}

const READ_BYTES = 1024 * 1024
const LINE_END = 10
const RETURN = 13
const QUOTE = 34
const SPACE = 32
const TAB = 9
const STATE = { start: 0, plain: 1, quoted: 2, closed: 3 } as const

/** The file has line ends other than `\n`: it has to be written anew before it can be cut. */
export const OTHER_LINE_ENDS = Symbol('other line ends')

/** The pieces of a plain (UTF-8, not compressed) CSV or JSON lines file. The header of a CSV belongs to none. */
export async function cutFile(
  path: string,
  reading: Reading,
  { limits, signal }: { readonly limits: PieceLimits; readonly signal?: AbortSignal | undefined },
): Promise<Piece[] | typeof OTHER_LINE_ENDS> {
  const scanner = new RowScanner(reading, limits)
  await using file = await open(path)
  // A stream would make memory of its own for every block, a gigabyte for a gigabyte.
  const memory = Buffer.allocUnsafeSlow(READ_BYTES)
  for (;;) {
    signal?.throwIfAborted()
    const { bytesRead } = await file.read(memory)
    if (bytesRead === 0) return scanner.end()
    const block = memory.subarray(0, bytesRead)
    // In JSON a return is a space like any other.
    if (reading.format === 'csv' && block.includes(RETURN)) return OTHER_LINE_ENDS
    scanner.push(block)
  }
}

class RowScanner {
  readonly #limits: PieceLimits
  readonly #delimiter: number
  readonly #isCsv: boolean
  /** DuckDB skips blank lines, but in a file of one column they are missing cells. */
  readonly #blankIsRow: boolean
  readonly #pieces: Piece[] = []
  #state: number = STATE.start
  #position = 0
  #isBlank = true
  #header: boolean
  #start = 0
  #rows = 0

  constructor(reading: Reading, limits: PieceLimits) {
    this.#limits = limits
    this.#isCsv = reading.format === 'csv'
    this.#delimiter = (reading.delimiter ?? ',').charCodeAt(0)
    this.#blankIsRow = this.#isCsv && reading.columns.length === 1
    this.#header = this.#isCsv
  }

  push(block: Buffer): void {
    const quoted = this.#isCsv && (this.#state === STATE.quoted || block.includes(QUOTE))
    if (quoted) this.#scan(block)
    else this.#hop(block)
    this.#position += block.length
  }

  end(): Piece[] {
    if (!this.#isBlank) this.#line(this.#position)
    if (this.#rows > 0) this.#cut(this.#position)
    return this.#pieces
  }

  /** From line end to line end, where there are no quotes. */
  #hop(block: Buffer): void {
    let from = 0
    for (let at = block.indexOf(LINE_END); at >= 0; at = block.indexOf(LINE_END, from)) {
      if (this.#isBlank) this.#isBlank = this.#isBlankText(block, from, at)
      this.#line(this.#position + at + 1)
      from = at + 1
    }
    if (from < block.length && this.#isBlank) this.#isBlank = this.#isBlankText(block, from, block.length)
    this.#state = from < block.length ? STATE.plain : this.#state
  }

  #isBlankText(block: Buffer, from: number, to: number): boolean {
    if (this.#isCsv) return from === to
    for (let i = from; i < to; i++) if (block[i]! > SPACE) return false
    return true
  }

  #scan(block: Buffer): void {
    let state = this.#state
    for (let i = 0; i < block.length; i++) {
      const byte = block[i]!
      if (state === STATE.quoted) {
        if (byte === QUOTE) state = STATE.closed
        continue
      }
      if (byte === LINE_END) {
        this.#line(this.#position + i + 1)
        state = STATE.start
        continue
      }
      this.#isBlank = false
      if (byte === QUOTE && state !== STATE.plain) state = STATE.quoted
      else if (byte === this.#delimiter) state = STATE.start
      else if (state === STATE.start && byte !== SPACE && byte !== TAB) state = STATE.plain
    }
    this.#state = state
  }

  /** A line has ended before `end`. */
  #line(end: number): void {
    const blank = this.#isBlank
    this.#isBlank = true
    this.#state = STATE.start
    if (this.#header) {
      if (blank) return
      this.#header = false
      this.#start = end
      return
    }
    if (blank && !this.#blankIsRow) return
    this.#rows++
    if (this.#rows >= this.#limits.rows || end - this.#start >= this.#limits.bytes) this.#cut(end)
  }

  #cut(end: number): void {
    this.#pieces.push({ start: this.#start, end, rows: this.#rows })
    this.#start = end
    this.#rows = 0
  }
}

/** Writes JSON arrays and Parquet as CSV with the text that every cell would be read by. */
export async function writePlain(table: TableFile, target: string): Promise<Reading> {
  const { reading, file, engine } = table
  const indexes = reading.columns.map((_, index) => index)
  const cells = reading.columns.map(({ name, source }, i) => {
    const c = `c${i}`
    const text =
      source === 'json'
        ? `(${c} ->> '$')`
        : source === 'time'
          ? `strftime(CAST(${c} AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%f')`
          : `CAST(${c} AS VARCHAR)`
    return `${text} AS ${identifier(name)}`
  })
  await engine.run(`COPY (SELECT ${cells.join(', ')} FROM ${fileRelation(file, reading, indexes)})
    TO ${quote(target)} (FORMAT csv, HEADER true, DELIMITER ',', QUOTE '"', ESCAPE '"', NULLSTR '')`)
  const columns = reading.columns.map(({ name }) => ({ name, source: 'text' as const }))
  return { format: 'csv', gzip: false, encoding: 'utf-8', rewrite: false, delimiter: ',', columns }
}
