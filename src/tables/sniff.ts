// What kind of file is this? Decided from its first bytes alone: a name or a content type may lie.
import { showsDecimalComma, trimCell } from './cell.ts'
import { RecordScanner } from './delimited.ts'
import type { Reading, ReadingColumn, TableLimits } from './reading.ts'
import { refuse } from './refuse.ts'

/** Enough for the widest header that is allowed and some rows after it. */
export const SAMPLE_BYTES = 1024 * 1024

const DELIMITERS = [',', ';', '\t', '|'] as const
const SAMPLE_RECORDS = 200

export type Encoding = Reading['encoding']

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

export function isParquet(bytes: Uint8Array): boolean {
  return ascii(bytes, 4) === 'PAR1'
}

/** The encoding by its byte-order mark; files of other kinds than text are refused. */
export function sniffEncoding(bytes: Uint8Array): Encoding {
  if (bytes.length === 0) throw refuse('empty', 'The file is empty')
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  if (ascii(bytes, 4) === 'PK\u0003\u0004') {
    throw refuse('format', 'The file is an Excel workbook or a zip archive: export it as CSV or Parquet')
  }
  if (bytes.subarray(0, 4096).includes(0)) {
    throw refuse(
      'format',
      'The file is binary: expected CSV, TSV, JSON lines or Parquet, as UTF-8 (or UTF-16 with a mark)',
    )
  }
  return 'utf-8'
}

/** JSON where the text opens with an object (lines) or an array of objects, else CSV. */
export function sniffFormat(text: string): 'csv' | 'jsonl' | 'json' {
  if (/^\s*\{\s*("|\})/.test(text)) return 'jsonl'
  return /^\s*\[\s*(\{|\]\s*$)/.test(text) ? 'json' : 'csv'
}

export interface CsvShape {
  readonly delimiter: string
  /** Line ends of more than one kind. */
  readonly isMixed: boolean
  readonly decimalComma: boolean
  readonly columns: readonly ReadingColumn[]
}

/** Delimiter, line ends and column names of a CSV file from its first piece (`whole`: the piece is the file). */
export function sniffCsv(text: string, options: { readonly whole: boolean; readonly limits: TableLimits }): CsvShape {
  const candidates = DELIMITERS.map((delimiter) => readSample(text, delimiter, options.whole))
  const best = candidates.reduce((a, b) => (score(b) > score(a) ? b : a))
  const header = best.records[0]
  if (!header) {
    if (!options.whole) throw refuse('limit', 'The header row is longer than 1 MB', { row: 0 })
    if (best.problem) throw refuse('header', 'The header row cannot be read: a quote is not closed', { row: 0 })
    throw refuse('empty', 'The file holds no rows')
  }
  const names = header.map(trimCell)
  checkNames(names, options.limits)
  if (best.records.length < 2 && options.whole && !best.problem) {
    throw refuse('empty', 'The file holds a header and no rows')
  }
  const rows = best.records.slice(1)
  checkHeaderIsNoData(names, rows)
  const { delimiter, isMixed } = best
  const decimalComma = delimiter !== ',' && rows.some((fields) => fields.some(showsDecimalComma))
  return { delimiter, isMixed, decimalComma, columns: names.map((name) => ({ name, source: 'text' })) }
}

interface Sample {
  readonly delimiter: string
  readonly isMixed: boolean
  readonly records: readonly (readonly string[])[]
  readonly problem: boolean
}

function readSample(text: string, delimiter: string, whole: boolean): Sample {
  const records: (readonly string[])[] = []
  const scanner = new RecordScanner(delimiter, (fields) => records.push(fields) < SAMPLE_RECORDS)
  scanner.push(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)
  if (whole) scanner.end()
  return { delimiter, isMixed: scanner.newlines.size > 1, records, problem: scanner.problem !== undefined }
}

/** The share of records as wide as the header, then the width: ties go to the earlier delimiter. */
function score({ records, problem }: Sample): number {
  const width = records[0]?.length ?? 0
  if (width < 2) return records.length > 0 && !problem ? 0.001 : 0
  const even = records.filter((fields) => fields.length === width).length / records.length
  return (even + Math.min(width, 1000) * 1e-6 + 0.01) * (problem ? 0.5 : 1)
}

/** With what usually leaves a name out. */
function unnamed(index: number, { length: width, 0: first = '' }: readonly string[]): string {
  const text = `Column ${index + 1} has no name in the header row`
  if (index === 1 && first.startsWith('sep=')) return `The first line, "sep=…", is a hint for Excel: take it away`
  if (index === 0) return `${text}: name it, or leave it out (pandas writes its row numbers so, unless index=False)`
  return index === width - 1
    ? `${text}: name it, or take away the delimiter at the end of each row`
    : `${text}: name it`
}

/** Names must exist and differ; the first offender is named with its position. */
export function checkNames(names: readonly string[], limits: TableLimits): void {
  if (names.length > limits.columns) {
    throw refuse('limit', `The file has ${names.length} columns; at most ${limits.columns} are allowed`)
  }
  const seen = new Map<string, number>()
  for (const [i, name] of names.entries()) {
    const where = { row: 0, column: name }
    if (name === '') throw refuse('header', unnamed(i, names), where)
    if (name.includes('\uFFFD')) throw refuse('encoding', `The name of column ${i + 1} is not valid UTF-8`, where)
    if (name.length > 256) throw refuse('header', `The name of column ${i + 1} is longer than 256 characters`, where)
    // No JSON body may carry it, so that no row of such a table could ever be predicted.
    if (name === '__proto__') throw refuse('header', `Column ${i + 1} is named "__proto__": rename it`, where)
    const earlier = seen.get(name)
    if (earlier !== undefined) {
      throw refuse('header', `Columns ${earlier + 1} and ${i + 1} are both named "${name}"`, where)
    }
    seen.set(name, i)
  }
}

/**
 * A file without a header row would lose its first row and gain nonsense names. A name with a decimal part, or whole
 * numbers that do not rise from left to right (years and 0, 1, 2 … do), over columns of numbers can only be data.
 */
function checkHeaderIsNoData(names: readonly string[], records: readonly (readonly string[])[]): void {
  let last = Number.NEGATIVE_INFINITY
  for (const [i, name] of names.entries()) {
    if (!isPlainNumber(name) || !records.every((fields) => isPlainNumber(fields[i] ?? ''))) continue
    const value = Number(name)
    if (!Number.isInteger(value) || name.includes('.') || value <= last) {
      const message = `The first row looks like data, not like column names: column ${i + 1} would be named "${name}". Add a header row`
      throw refuse('header', message, { row: 0, column: name })
    }
    last = value
  }
}

function isPlainNumber(text: string): boolean {
  const trimmed = trimCell(text)
  return trimmed !== '' && Number.isFinite(Number(trimmed))
}

function ascii(bytes: Uint8Array, length: number): string {
  return String.fromCharCode(...bytes.subarray(0, length))
}
