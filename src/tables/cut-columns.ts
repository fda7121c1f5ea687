// Cuts the rows of wide CSV (one byte a delimiter, quotes doubled) into strips of some columns each, with no engine. Cells are copied as
// they stand, quotes and spaces included, so that whoever reads a strip reads what it would have read in the whole row.
import { EngineError } from './engine.ts'
import { ROW_BYTES } from './reading.ts'

/** Columns `from` to `to` (not included). */
export interface Columns {
  readonly from: number
  readonly to: number
}

const LINE_END = 10
/** What a byte may mean. */
const KIND = { ordinary: 0, blank: 1, quote: 2, delimiter: 3, newline: 4, return: 5 } as const
/** Of a cell; `past` is what follows a delimiter behind the last cell of a row, where nothing may stand. */
const STATE = { start: 0, spaced: 1, plain: 2, quoted: 3, closed: 4, past: 5 } as const

const FIRST_BYTES = 64 * 1024

/** The bytes of a strip that are not written yet. Whoever has written them sets `length` to 0. */
class StripBytes {
  bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  length = 0

  add(block: Buffer, from: number, to: number): void {
    const needed = this.length + to - from + 1
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length))
      this.bytes.copy(larger, 0, 0, this.length)
      this.bytes = larger
    }
    this.length += block.copy(this.bytes, this.length, from, to)
  }

  endRow(): void {
    this.bytes[this.length++] = LINE_END
  }
}

export class ColumnCutter {
  readonly strips: readonly StripBytes[]
  /** Rows in the strips. */
  rows = 0
  readonly #borders: readonly number[]
  readonly #width: number
  readonly #most: number
  readonly #kinds = new Uint8Array(256)
  /** Rows that are passed over, the header among them. */
  #dropped: number
  #isBegun = false
  #state: number = STATE.start
  #column = 0
  #strip = 0
  /** Of the row, in blocks before. */
  #rowBytes = 0
  #newline: string | undefined
  #sawReturn = false

  constructor(
    delimiter: string,
    columns: readonly Columns[],
    { skip = 0, most }: { readonly skip?: number | undefined; readonly most: number },
  ) {
    this.strips = columns.map(() => new StripBytes())
    this.#borders = columns.map(({ to }) => to)
    this.#width = columns.at(-1)!.to
    this.#most = most
    this.#dropped = skip + 1
    for (const blank of ' \t') this.#kinds[blank.charCodeAt(0)] = KIND.blank
    this.#kinds['"'.charCodeAt(0)] = KIND.quote
    this.#kinds[LINE_END] = KIND.newline
    this.#kinds['\r'.charCodeAt(0)] = KIND.return
    this.#kinds[delimiter.charCodeAt(0)] = KIND.delimiter
  }

  /** As many rows as were asked for: they are to be taken away before the next `push`. */
  get isFull(): boolean {
    return this.rows === this.#most
  }

  /** @returns where it stopped: at the end of the block, or behind the row that was the last one asked for. */
  push(block: Buffer, begin: number): number {
    let at = this.#isBegun ? this.#afterReturn(block, begin) : afterMark(block)
    this.#isBegun = true
    let from = at
    let rowFrom = at
    while (at < block.length && !this.isFull) {
      if (this.#state === STATE.quoted) {
        at = this.#toQuote(block, at)
        continue
      }
      const kind = this.#kinds[block[at]!]
      if (kind === KIND.ordinary) {
        if (this.#state >= STATE.closed) this.#refuse()
        this.#state = STATE.plain
        at++
        while (at < block.length && this.#kinds[block[at]!] === KIND.ordinary) at++
      } else if (kind === KIND.delimiter) {
        if (this.#endCell(block, from, at)) from = at + 1
        at++
      } else if (kind === KIND.newline || kind === KIND.return) {
        this.#endRow(block, from, at)
        at = kind === KIND.newline ? this.#note('\n', at + 1) : this.#return(block, at + 1)
        this.#checkLength(at - rowFrom)
        this.#rowBytes = 0
        from = at
        rowFrom = at
      } else {
        this.#blankOrQuote(kind!)
        at++
      }
    }
    if (this.#dropped === 0 && this.#state !== STATE.past) this.strips[this.#strip]!.add(block, from, at)
    this.#checkLength(at - rowFrom)
    this.#rowBytes += at - rowFrom
    return at
  }

  /** The end of the file: the last row may lack its line end. */
  end(): void {
    if (this.#sawReturn) this.#note('\r', 0)
    if (this.#state === STATE.quoted) this.#refuse()
    this.#endRow(Buffer.alloc(0), 0, 0)
  }

  #toQuote(block: Buffer, from: number): number {
    const at = block.indexOf('"', from)
    if (at < 0) return block.length
    this.#state = STATE.closed
    return at + 1
  }

  #blankOrQuote(kind: number): void {
    if (this.#state === STATE.past) this.#refuse()
    if (kind === KIND.quote) {
      if (this.#state !== STATE.plain) this.#state = STATE.quoted
    } else if (this.#state === STATE.start) this.#state = STATE.spaced
  }

  /** True where the cell was the last one of its strip. */
  #endCell(block: Buffer, from: number, to: number): boolean {
    if (this.#state === STATE.past) this.#refuse()
    this.#state = STATE.start
    this.#column++
    if (this.#column < this.#borders[this.#strip]!) return false
    this.#take(block, from, to)
    if (this.#column === this.#width) this.#state = STATE.past
    else this.#strip++
    return true
  }

  #endRow(block: Buffer, from: number, to: number): void {
    // Blank lines are no rows.
    if (this.#column === 0 && this.#state === STATE.start) return
    if (this.#state !== STATE.past) {
      if (this.#column !== this.#width - 1) this.#refuse()
      this.#take(block, from, to)
    }
    if (this.#dropped > 0) this.#dropped--
    else this.rows++
    this.#column = 0
    this.#strip = 0
    this.#state = STATE.start
  }

  #take(block: Buffer, from: number, to: number): void {
    if (this.#dropped > 0) return
    this.strips[this.#strip]!.add(block, from, to)
    this.strips[this.#strip]!.endRow()
  }

  #return(block: Buffer, at: number): number {
    if (at === block.length) {
      this.#sawReturn = true
      return at
    }
    return block[at] === LINE_END ? this.#note('\r\n', at + 1) : this.#note('\r', at)
  }

  /** The block before ended with a return. */
  #afterReturn(block: Buffer, at: number): number {
    if (!this.#sawReturn) return at
    this.#sawReturn = false
    return block[at] === LINE_END ? this.#note('\r\n', at + 1) : this.#note('\r', at)
  }

  #note(newline: string, at: number): number {
    this.#newline ??= newline
    if (newline !== this.#newline) this.#refuse()
    return at
  }

  #checkLength(bytes: number): void {
    if (this.#rowBytes + bytes > ROW_BYTES) this.#refuse()
  }

  /** As the engine does: whoever knows the file finds out why. */
  #refuse(): never {
    throw new EngineError('a row does not have the form of the others')
  }
}

/** The byte-order mark is no part of the first name, which may be quoted. */
function afterMark(block: Buffer): number {
  return block[0] === 0xef && block[1] === 0xbb && block[2] === 0xbf ? 3 : 0
}
