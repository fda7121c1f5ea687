// The cells of plain CSV (UTF-8, line ends `\n`) that is in memory, one after another, by the rules that split.ts cuts it by.
// Nothing is trimmed or typed here, but for one short cut: a decimal number becomes a double without becoming text first.

const LINE_END = 10
const QUOTE = 34
const SPACE = 32
const TAB = 9
const MINUS = 45
const POINT = 46
const ZERO = 48
/** So many digits are below 2^53, and a quotient of two exact doubles is rounded once: it is the nearest one (Clinger 1990). */
const EXACT_DIGITS = 15
const POWERS = Float64Array.from({ length: EXACT_DIGITS + 1 }, (_, k) => 10 ** k)

export class CellScanner {
  readonly #bytes: Buffer
  readonly #delimiter: number
  /** Where the next cell begins. */
  at = 0
  /** The cell read last was the last of its row. */
  endsRow = true

  constructor(bytes: Buffer, delimiter: string) {
    this.#bytes = bytes
    this.#delimiter = delimiter.charCodeAt(0)
  }

  /** Goes on to the next row; in a file of several columns a blank line is none. False at the end. */
  nextRow(columns: number): boolean {
    if (columns > 1) while (this.#bytes[this.at] === LINE_END) this.at++
    return this.at < this.#bytes.length
  }

  /** The text of the next cell, without its quotes. */
  text(): string {
    const bytes = this.#bytes
    let from = this.at
    while (bytes[from] === SPACE || (bytes[from] === TAB && this.#delimiter !== TAB)) from++
    if (bytes[from] === QUOTE) return this.#quoted(from + 1)
    const start = this.at
    return this.#slice(start, this.#toEnd(from))
  }

  /** The next cell as a number where it is a plain decimal one; else undefined, and the cell is still the next. */
  decimal(): number | undefined {
    const bytes = this.#bytes
    const length = bytes.length
    const start = this.at
    let at = start
    const isNegative = bytes[at] === MINUS
    if (isNegative) at++
    let digits = 0
    let point = -1
    let whole = 0
    let byte = LINE_END
    for (; at < length; at++) {
      byte = bytes[at]!
      const digit = byte - ZERO
      if (digit >= 0 && digit <= 9) {
        whole = whole * 10 + digit
        digits++
      } else if (byte === POINT && point < 0) point = digits
      else break
    }
    if (at === length) byte = LINE_END
    if ((byte !== this.#delimiter && byte !== LINE_END) || digits === 0 || digits > EXACT_DIGITS) return undefined
    this.at = at + 1
    this.endsRow = byte === LINE_END || at === length
    const value = point < 0 ? whole : whole / POWERS[digits - point]!
    return isNegative ? -value : value
  }

  #quoted(from: number): string {
    let text = ''
    for (let start = from; ; ) {
      const end = this.#bytes.indexOf(QUOTE, start)
      if (end < 0) {
        this.at = this.#bytes.length
        this.endsRow = true
        return text + this.#slice(start, this.at)
      }
      text += this.#slice(start, end)
      if (this.#bytes[end + 1] !== QUOTE) return text + this.#slice(end + 1, this.#toEnd(end + 1)).trimEnd()
      text += '"'
      start = end + 2
    }
  }

  /** Moves behind the cell whose rest is not quoted; returns where it ends. */
  #toEnd(from: number): number {
    const bytes = this.#bytes
    const length = bytes.length
    let end = from
    while (end < length && bytes[end] !== this.#delimiter && bytes[end] !== LINE_END) end++
    this.endsRow = end === length || bytes[end] === LINE_END
    this.at = end + 1
    return end
  }

  #slice(from: number, to: number): string {
    return from === to ? '' : this.#bytes.toString('utf8', from, to)
  }
}

/** The records of a piece of CSV without its header, as they stand: no width is checked, nothing is trimmed. */
export function csvRecords(bytes: Buffer, delimiter: string, columns: number): string[][] {
  const cells = new CellScanner(bytes, delimiter)
  const records: string[][] = []
  while (cells.nextRow(columns)) {
    const record: string[] = []
    do record.push(cells.text())
    while (!cells.endsRow)
    records.push(record)
  }
  return records
}
