// A chunk's results as JSON lines. Written by hand, because they are most of what a fast model costs.
import type { BatchRowError } from '../../contract/batch.ts'
import { MAX_ROW_ERRORS } from './policy.ts'

export interface LineAnswer {
  readonly prediction: unknown
  readonly confidence?: number
  readonly probabilities?: Readonly<Record<string, number>>
}

export interface LineWriter {
  answer(row: number, answer: LineAnswer): void
  refuse(row: number, error: string): void
  readonly failedRows: number
  readonly errors: readonly BatchRowError[]
  /** All lines so far, valid until the next one. */
  bytes(): Buffer<ArrayBuffer>
}

const BLOCK = 1 << 16
const FIRST_BYTES = 1 << 20
/** Bytes of UTF-8 that one UTF-16 unit takes at most. */
const WIDEST = 3

export function lineWriter(): LineWriter {
  let memory = Buffer.allocUnsafeSlow(FIRST_BYTES)
  let used = 0
  const errors: BatchRowError[] = []
  const names = new Map<string, string>()
  let text = ''
  let failedRows = 0

  function flush(): void {
    const needed = used + WIDEST * text.length
    // Grows where it lies: pieces put together at the end would lie in memory twice.
    if (needed > memory.length) memory = Buffer.from(memory.buffer.transfer(Math.max(needed, 2 * memory.length)))
    used += memory.write(text, used)
    text = ''
  }
  function named(name: string): string {
    let quoted = names.get(name)
    if (quoted === undefined) {
      quoted = `${JSON.stringify(name)}:`
      names.set(name, quoted)
    }
    return quoted
  }
  return {
    answer(row, { prediction, confidence, probabilities }) {
      let line = `{"row":${row},"prediction":${value(prediction)}`
      // Shortest text of a double is the dearest part of a line, and the confidence is one of the probabilities.
      const confident = confidence === undefined ? '' : number(confidence)
      if (confidence !== undefined) line += `,"confidence":${confident}`
      if (probabilities) {
        let comma = ',"probabilities":{'
        for (const name in probabilities) {
          const probability = probabilities[name]!
          line += comma + named(name) + (probability === confidence ? confident : number(probability))
          comma = ','
        }
        line += comma === ',' ? '}' : `${comma}}`
      }
      text += `${line}}\n`
      if (text.length > BLOCK) flush()
    },
    refuse(row, error) {
      failedRows++
      if (errors.length < MAX_ROW_ERRORS) errors.push({ row, error })
      text += `{"row":${row},"prediction":null,"error":${JSON.stringify(error)}}\n`
      if (text.length > BLOCK) flush()
    },
    get failedRows() {
      return failedRows
    },
    errors,
    bytes() {
      flush()
      return memory.subarray(0, used)
    },
  }
}

function value(given: unknown): string {
  return typeof given === 'number' ? number(given) : (JSON.stringify(given) ?? 'null')
}

function number(given: number): string {
  return Number.isFinite(given) ? String(given) : 'null'
}
