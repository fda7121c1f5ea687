// Why a file could not be read. Runs only after DuckDB has refused it: reads the file once more in JavaScript, which is
// slow and exact, and throws a failure that names row, column and reason.
import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { RecordScanner, type ScanProblem } from './delimited.ts'
import { EngineError } from './engine.ts'
import { type Reading, ROW_BYTES } from './reading.ts'
import { refuse, shown } from './refuse.ts'
import type { SourceFile } from './source.ts'
import { WRONG_CELL } from './sql.ts'

export interface Diagnosis {
  readonly file: SourceFile
  readonly reading: Reading
}

/** The failure to throw for an engine error; `mixed newlines` where the file becomes readable once they are alike. */
export async function diagnose(error: unknown, diagnosis: Diagnosis): Promise<unknown> {
  if (!(error instanceof EngineError)) return error
  const { format, columns } = diagnosis.reading
  const [, index, value = ''] = new RegExp(`${WRONG_CELL}(\\d+): (.*)`, 's').exec(error.message) ?? []
  if (index !== undefined) {
    const column = columns[Number(index)]!.name
    const message = `Column "${column}" holds ${JSON.stringify(shown(value))}, which is not of its dtype: declare another one in the contract`
    return refuse('dtype', message, { column, value })
  }
  if (format === 'csv') return (await diagnoseCsv(diagnosis)) ?? unexplained(error, 'CSV')
  if (format === 'parquet') return unexplained(error, 'Parquet')
  return (format === 'jsonl' ? await diagnoseLines(diagnosis) : undefined) ?? unexplained(error, 'JSON')
}

function unexplained(error: EngineError, format: string): unknown {
  // The reader's own words, without the path of the temporary folder or of the open file.
  const path = /(?:\bfile )?["']?\/(?:proc\/self\/fd\/\d+|[^\s"']*\/table-[^\s"':,]*)["']?/gi
  const words = error.message.replace(path, 'the file').replace(/^[A-Za-z ]*Error: /, '')
  return refuse('format', `The file cannot be read as ${format}: ${words}`)
}

async function* pieces(file: SourceFile): AsyncGenerator<string> {
  const bytes: Readable = createReadStream(file.path, { highWaterMark: 256 * 1024 })
  // Not by `pipe`, which leaves the file open where the reading ends early.
  const plain = file.gzip ? pipeline(bytes, createGunzip(), () => {}) : bytes
  // One character a byte: positions stay exact and invalid UTF-8 survives to be found.
  for await (const chunk of plain) yield (chunk as Buffer).toString('latin1')
}

export const MIXED_NEWLINES = Symbol('mixed newlines')

async function diagnoseCsv({ file, reading }: Diagnosis): Promise<unknown> {
  const names = reading.columns.map(({ name }) => name)
  const delimiter = reading.delimiter ?? ','
  let found: unknown
  const scanner = new RecordScanner(
    delimiter,
    (fields, row) => {
      found = checkRecord(fields, row, names)
      return found === undefined
    },
    ROW_BYTES,
  )
  for await (const piece of pieces(file)) {
    scanner.push(piece)
    if (scanner.stopped) break
  }
  scanner.end()
  if (found) return found
  if (scanner.problem) return scanFailure(scanner.problem, names)
  return scanner.newlines.size > 1 ? MIXED_NEWLINES : undefined
}

function checkRecord(fields: readonly string[], row: number, names: readonly string[]): unknown {
  // One empty field too many is a delimiter at the end of the line, which carries nothing.
  const isTrailing = fields.length === names.length + 1 && fields.at(-1) === ''
  if (fields.length !== names.length && !isTrailing) {
    const message = `Row ${row} has ${fields.length} fields where the header has ${names.length}`
    return refuse('field_count', message, { row, value: fields.join(' | ') })
  }
  const bad = fields.findIndex((field) => !isUtf8(Buffer.from(field, 'latin1')))
  if (bad < 0) return undefined
  const bytes = Buffer.from(fields[bad]!, 'latin1')
  const column = names[bad] ?? ''
  const at = firstBadByte(bytes)
  const message = `Row ${row}, column "${column}" is not valid UTF-8 (byte ${at + 1} of the cell is 0x${bytes[at]!.toString(16)}): save the file as UTF-8`
  return refuse('encoding', message, { row, column, value: bytes.toString('latin1') })
}

/** The byte at which no text in UTF-8 can go on any more. */
function firstBadByte(bytes: Buffer): number {
  // A prefix may end inside a character; it is bad once up to three more bytes cannot complete it. So is every longer one.
  const isBad = (length: number) =>
    [0, 1, 2, 3].every((more) => !isUtf8(bytes.subarray(0, Math.min(length + more, bytes.length))))
  let [good, bad] = [0, bytes.length]
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (isBad(middle)) bad = middle
    else good = middle
  }
  return bad - 1
}

function scanFailure({ row, field, kind }: ScanProblem, names: readonly string[]): unknown {
  const column = names[field] ?? ''
  const where = `Row ${row}, column "${column}"`
  if (kind === 'too_long') return refuse('limit', `Row ${row} is longer than ${ROW_BYTES} bytes`, { row, column })
  if (kind === 'unterminated') return refuse('quotes', `${where}: a quote is opened and never closed`, { row, column })
  return refuse('quotes', `${where}: text follows a closing quote (a quote inside a cell must be doubled)`, {
    row,
    column,
  })
}

async function diagnoseLines({ file }: Diagnosis): Promise<unknown> {
  let rest = ''
  let row = 0
  let found: unknown
  const take = (line: string) => {
    if (line.trim() === '' || found) return
    row++
    found = checkLine(line, row)
  }
  for await (const piece of pieces(file)) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(take)
    if (rest.length > ROW_BYTES) {
      found ??= refuse('limit', `Row ${row + 1} is longer than ${ROW_BYTES} bytes`, { row: row + 1 })
    }
    if (found) return found
  }
  take(rest)
  return found
}

function checkLine(latin1: string, row: number): unknown {
  const bytes = Buffer.from(latin1, 'latin1')
  if (!isUtf8(bytes)) return refuse('encoding', `Row ${row} is not valid UTF-8: save the file as UTF-8`, { row })
  const line = bytes.toString('utf8').trim()
  if (latin1.length > ROW_BYTES) return refuse('limit', `Row ${row} is longer than ${ROW_BYTES} bytes`, { row })
  try {
    const value: unknown = JSON.parse(line.replace(/^\ufeff/, ''))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return halfCharacter(value, row) ?? repeatedKey(line, row)
    }
    return refuse('json', `Row ${row} is not a JSON object`, { row, value: line })
  } catch (error) {
    return refuse('json', `Row ${row} is not valid JSON: ${(error as Error).message.slice(0, 120)}`, {
      row,
      value: line,
    })
  }
}

/** Written as an escape, which JSON allows and no encoding of text does. */
function halfCharacter(cells: object, row: number): unknown {
  const found = Object.entries(cells).find(([, cell]) => typeof cell === 'string' && !cell.isWellFormed())
  if (found === undefined) return undefined
  const [column, value] = found as [string, string]
  const message = `Row ${row}, column "${column}" holds one half of a character that takes two \\u escapes`
  return refuse('encoding', message, { row, column, value: value.toWellFormed() })
}

function repeatedKey(line: string, row: number): unknown {
  const keys = [...line.matchAll(/[{,]\s*"((?:[^"\\]|\\.)*)"\s*:/g)].map((match) => match[1]!)
  if (keys.length > 5000) return undefined
  const seen = new Set<string>()
  const repeated = keys.find((key) => seen.has(key) || !seen.add(key))
  if (repeated === undefined) return undefined
  return refuse('json', `Row ${row} has the key "${repeated}" twice`, { row, column: repeated })
}
