// A small strict CSV scanner (RFC 4180, any one-character delimiter). It reads the sample a file is sniffed by, and after
// DuckDB has refused a file it finds the exact row, column and reason; it is never on the fast path.

/** Counts, row and fields of one record. `row` counts from 0, the header being 0; blank lines are no records. */
export type OnRecord = (fields: readonly string[], row: number) => boolean

export interface ScanProblem {
  readonly row: number
  /** 0-based field. */
  readonly field: number
  readonly kind: 'stray_text' | 'unterminated' | 'too_long'
}

const STATE = { start: 0, plain: 1, quoted: 2, closed: 3 } as const

export class RecordScanner {
  readonly #delimiter: string
  readonly #onRecord: OnRecord
  readonly #maxLength: number
  #state: number = STATE.start
  #fields: string[] = []
  #field = ''
  #row = 0
  #length = 0
  #sawReturn = false
  #stopped = false
  problem: ScanProblem | undefined
  /** The kinds of line end seen outside quotes. */
  readonly newlines = new Set<string>()

  constructor(delimiter: string, onRecord: OnRecord, maxLength = Number.POSITIVE_INFINITY) {
    this.#delimiter = delimiter
    this.#onRecord = onRecord
    this.#maxLength = maxLength
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** Takes the next piece of text; pieces may end anywhere. */
  push(text: string): void {
    for (let i = 0; i < text.length && !this.#stopped; i++) this.#character(text[i]!)
  }

  /** The end of the text: the last record may lack its line end. */
  end(): void {
    if (this.#stopped) return
    if (this.#sawReturn) this.#newline('\r')
    if (this.#stopped) return
    if (this.#state === STATE.quoted) this.#fault('unterminated')
    else if (this.#fields.length > 0 || this.#state !== STATE.start) this.#record()
  }

  #character(c: string): void {
    if (this.#sawReturn) {
      this.#sawReturn = false
      this.#newline(c === '\n' ? '\r\n' : '\r')
      if (c === '\n' || this.#stopped) return
    }
    if (++this.#length > this.#maxLength) {
      this.#fault('too_long')
    } else if (this.#state === STATE.quoted) {
      if (c === '"') this.#state = STATE.closed
      else this.#field += c
    } else if (c === '\r') {
      this.#sawReturn = true
    } else if (c === '\n') {
      this.#newline('\n')
    } else if (c === this.#delimiter) {
      this.#fields.push(this.#field)
      this.#field = ''
      this.#state = STATE.start
    } else {
      this.#value(c)
    }
  }

  #value(c: string): void {
    if (this.#state === STATE.closed) {
      if (c === '"') {
        this.#field += '"'
        this.#state = STATE.quoted
      } else if (c !== ' ' && c !== '\t') {
        this.#fault('stray_text')
      }
    } else if (c === '"' && this.#field.trim() === '') {
      this.#field = ''
      this.#state = STATE.quoted
    } else {
      this.#field += c
      this.#state = STATE.plain
    }
  }

  #newline(kind: string): void {
    this.newlines.add(kind)
    this.#length = 0
    if (this.#fields.length > 0 || this.#state !== STATE.start) this.#record()
  }

  #record(): void {
    this.#fields.push(this.#field)
    const go = this.#onRecord(this.#fields, this.#row)
    this.#row++
    this.#fields = []
    this.#field = ''
    this.#state = STATE.start
    if (!go) this.#stopped = true
  }

  #fault(kind: ScanProblem['kind']): void {
    this.problem = { row: this.#row, field: this.#fields.length, kind }
    this.#stopped = true
  }
}
