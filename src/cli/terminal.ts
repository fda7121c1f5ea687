// Where a command writes: results to standard output, everything said along the way to standard error, so that a pipe
// carries results only. With `--json` results are one JSON document.
import { styleText } from 'node:util'

export interface Terminal {
  readonly json: boolean
  /** The result: `shown` for people, `value` with --json. */
  result(value: unknown, shown: () => string): void
  /** Along the way; silent with --json. */
  say(text: string): void
  error(text: string): void
  /** A line that replaces itself on a terminal, and appears only when `key` changes elsewhere. */
  progress(share: number, text: string, key: string): void
  endProgress(): void
}

const BAR_WIDTH = 28

export function createTerminal(json: boolean): Terminal {
  const live = process.stderr.isTTY === true && !json
  let lastKey = ''
  let open = false
  const endProgress = () => {
    if (open) process.stderr.write('\n')
    open = false
    lastKey = ''
  }
  return {
    json,
    result: (value, shown) => {
      endProgress()
      process.stdout.write(`${json ? JSON.stringify(value, null, 2) : shown()}\n`)
    },
    say: (text) => {
      if (json) return
      endProgress()
      process.stderr.write(`${text}\n`)
    },
    error: (text) => {
      endProgress()
      process.stderr.write(`${process.stderr.isTTY ? styleText('red', text) : text}\n`)
    },
    progress: (share, text, key) => {
      if (json) return
      if (live) {
        open = true
        const width = Math.max(20, (process.stderr.columns ?? 80) - 1)
        process.stderr.write(`\r\u001B[2K${`${bar(share)} ${text}`.slice(0, width)}`)
      } else if (key !== lastKey) {
        process.stderr.write(`${percent(share)} ${text}\n`)
      }
      lastKey = key
    },
    endProgress,
  }
}

/** `[██████····] 61%` */
function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH)
  return `[${'█'.repeat(full)}${'·'.repeat(BAR_WIDTH - full)}] ${percent(share)}`
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`.padStart(4)
}

/** Rows as columns of text; numbers to the right. */
export function table(rows: readonly Readonly<Record<string, unknown>>[], columns: readonly string[]): string {
  if (rows.length === 0) return '(none)'
  const cells = rows.map((row) => columns.map((column) => cell(row[column])))
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((row) => row[i]!.length)))
  const line = (parts: readonly string[], pad: (text: string, i: number) => string) =>
    parts.map(pad).join('  ').trimEnd()
  const right = columns.map((column) => rows.every((row) => typeof (row[column] ?? 0) === 'number'))
  const pad = (text: string, i: number) => (right[i] ? text.padStart(widths[i]!) : text.padEnd(widths[i]!))
  return [
    line(columns, pad),
    line(
      columns.map((_, i) => '-'.repeat(widths[i]!)),
      pad,
    ),
    ...cells.map((row) => line(row, pad)),
  ].join('\n')
}

/** One thing, a field a line. */
export function fieldsTable(value: object): string {
  const rows = Object.entries(value).map(([field, content]) => ({ field, value: content }))
  return table(rows, ['field', 'value'])
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)))
  if (typeof value === 'object') return JSON.stringify(value)
  return String(value)
}
