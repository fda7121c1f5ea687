// text/csv as scoring servers take it: RFC 4180, the first line names the columns unless told otherwise. Cells stay text,
// because the model's own columns know what '42' means; an empty cell is a missing value.
import { fail } from '../../core/failure.ts'

export type Cell = string | null

/** Lines of cells. @throws `malformed` CSV_MALFORMED for a quote that is never closed or stands inside a cell. */
export function parseCsv(text: string): Cell[][] {
  const lines: Cell[][] = []
  let cells: Cell[] = []
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0
  while (at < text.length) {
    const { cell, end } = text[at] === '"' ? quoted(text, at) : plain(text, at)
    cells.push(cell)
    at = end + 1
    if (text[end] === ',') {
      if (at >= text.length) cells.push(null)
      else continue
    } else if (text[end] === '\r' && text[at] === '\n') at++
    if (cells.length > 1 || cells[0] !== null) lines.push(cells)
    cells = []
  }
  return lines
}

interface Found {
  readonly cell: Cell
  /** Of the comma or line break after it. */
  readonly end: number
}

const ENDS = /[,\r\n]/g

function plain(text: string, start: number): Found {
  ENDS.lastIndex = start
  const end = ENDS.exec(text)?.index ?? text.length
  const cell = text.slice(start, end)
  return { cell: cell === '' ? null : cell, end }
}

function quoted(text: string, start: number): Found {
  let cell = ''
  let from = start + 1
  for (;;) {
    const quote = text.indexOf('"', from)
    if (quote < 0) throw fail('malformed', 'CSV_MALFORMED', 'A quote of the CSV text is never closed')
    cell += text.slice(from, quote)
    if (text[quote + 1] !== '"') {
      const end = quote + 1
      if (end < text.length && !/[,\r\n]/.test(text[end]!)) {
        throw fail(
          'malformed',
          'CSV_MALFORMED',
          `The CSV text goes on after a closing quote: ${JSON.stringify(text[end])}`,
        )
      }
      return { cell, end }
    }
    cell += '"'
    from = quote + 2
  }
}
