// The reading document of a file nobody has read yet: format, encoding, delimiter and the columns with their names.

import { trimCell } from './cell.ts'
import { type Engine, quote } from './engine.ts'
import type { ColumnSource, Reading, ReadingColumn, TableLimits } from './reading.ts'
import { refuse } from './refuse.ts'
import { checkNames, isParquet, SAMPLE_BYTES, sniffCsv, sniffEncoding, sniffFormat } from './sniff.ts'
import type { SourceFile } from './source.ts'
import { jsonOptions } from './sql.ts'

/** The reading as far as the first bytes show it. JSON and Parquet columns are found by `findColumns`. */
export function sniffReading(head: Uint8Array, gzip: boolean, limits: TableLimits): Reading {
  if (isParquet(head)) return { format: 'parquet', gzip, encoding: 'utf-8', rewrite: false, columns: [] }
  const encoding = sniffEncoding(head)
  const isMarked = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf
  const text = new TextDecoder(encoding).decode(head)
  if (text.trim() === '') throw refuse('empty', 'The file is empty')
  if (/^\s*<(!doctype|html|\?xml)\b/i.test(text)) {
    throw refuse('format', 'The file is HTML or XML, not a table: expected CSV, TSV, JSON lines or Parquet')
  }
  const format = sniffFormat(text)
  if (format !== 'csv') {
    return { format, gzip, encoding, rewrite: encoding !== 'utf-8' || isMarked, columns: [] }
  }
  const shape = sniffCsv(text, { whole: head.length < SAMPLE_BYTES, limits })
  const rewrite = encoding !== 'utf-8' || shape.isMixed
  const { delimiter, decimalComma, columns } = shape
  return { format, gzip, encoding, rewrite, delimiter, ...(decimalComma && { decimalComma }), columns }
}

/** The reading with its columns: the union of all keys of JSON rows in order of appearance, the schema of Parquet. */
export async function findColumns(
  engine: Engine,
  file: SourceFile,
  options: { readonly reading: Reading; readonly limits: TableLimits },
): Promise<Reading> {
  const { reading, limits } = options
  if (reading.format === 'csv') return reading
  const found =
    reading.format === 'parquet' ? await parquetColumns(engine, file) : await jsonColumns(engine, file, options)
  if (found.length === 0) throw refuse('empty', 'The file holds no rows')
  checkNames(
    found.map(({ name }) => name),
    limits,
  )
  checkCase(found)
  return { ...reading, columns: found }
}

async function jsonColumns(
  engine: Engine,
  file: SourceFile,
  { reading, limits }: { readonly reading: Reading; readonly limits: TableLimits },
): Promise<ReadingColumn[]> {
  const rows = await engine.rows(`
    SELECT k FROM (
      SELECT r, unnest(ks) AS k, generate_subscripts(ks, 1) AS i FROM (
        SELECT row_number() OVER () AS r, json_keys(json) AS ks
        FROM read_json_objects(${quote(file.path)}, ${jsonOptions(file, reading)})))
    GROUP BY k ORDER BY min(r * 65536 + i) LIMIT ${limits.columns + 1}`)
  if (rows.length > limits.columns) {
    throw refuse('limit', `The rows have more than ${limits.columns} different keys; that many columns are allowed`)
  }
  return rows.map(([key]) => namedColumn(String(key), 'json'))
}

/** DuckDB compares names without regard to case where it reads JSON and Parquet. */
function checkCase(columns: readonly ReadingColumn[]): void {
  const seen = new Map<string, string>()
  for (const { name } of columns) {
    const folded = name.toLowerCase()
    const earlier = seen.get(folded)
    if (earlier !== undefined) {
      const message = `The columns "${earlier}" and "${name}" differ only in upper and lower case: rename one`
      throw refuse('header', message, { column: name })
    }
    seen.set(folded, name)
  }
}

const PARQUET_SOURCES: readonly (readonly [RegExp, ColumnSource])[] = [
  [/^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT))$/, 'integer'],
  [/^(FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))$/, 'real'],
  [/^BOOLEAN$/, 'boolean'],
  [/^(DATE|TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE)$/, 'time'],
  [/^(VARCHAR|UUID|ENUM\(.*\))$/s, 'text'],
]

async function parquetColumns(engine: Engine, file: SourceFile): Promise<ReadingColumn[]> {
  const rows = await engine.rows(`DESCRIBE SELECT * FROM read_parquet(${quote(file.path)})`)
  return rows.map(([key, type]) => {
    const source = PARQUET_SOURCES.find(([pattern]) => pattern.test(String(type)))?.[1]
    if (source) return namedColumn(String(key), source)
    const kind = /^(STRUCT|MAP)|\]$/.test(String(type)) ? 'nested values' : 'values'
    const message = `Column "${key}" holds ${kind} of type ${type}, which no table column can hold`
    throw refuse('unsupported_type', message, { column: String(key) })
  })
}

function namedColumn(key: string, source: ColumnSource): ReadingColumn {
  const name = trimCell(key)
  return name === key ? { name, source } : { name, key, source }
}
