// How a stored file is read: a small JSON document made by the first inspection and kept with the dataset, so that every
// later read sees the same rows, names and dates without guessing again.
import type { SlashOrder } from './cell.ts'

export type TableFormat = 'csv' | 'jsonl' | 'json' | 'parquet'

/** What a column is before it is typed: `text` (CSV, Parquet strings), `json` (a JSON value), or a Parquet number, moment or flag. */
export type ColumnSource = 'text' | 'json' | 'integer' | 'real' | 'boolean' | 'time'

export interface ReadingColumn {
  /** The name a contract uses: as in the file, trimmed. */
  readonly name: string
  /** The name in the file where trimming changed it (JSON, Parquet). */
  readonly key?: string
  readonly source: ColumnSource
  /** Order of day and month in dates such as 12/31/2024. */
  readonly slashOrder?: SlashOrder
}

export interface Reading {
  readonly format: TableFormat
  readonly gzip: boolean
  readonly encoding: 'utf-8' | 'utf-16le' | 'utf-16be'
  /** A plain copy (UTF-8, no byte-order mark, line ends `\n`) is made before each read. */
  readonly rewrite: boolean
  /** CSV only. */
  readonly delimiter?: string
  /** Numbers are written with a decimal comma, as in 1,5; never where cells are separated by commas. */
  readonly decimalComma?: boolean
  readonly columns: readonly ReadingColumn[]
}

/** Longest row of a CSV file and longest JSON object, in bytes. */
export const ROW_BYTES = 4 * 1024 * 1024

/** What an upload may cost. A file beyond one of these is refused with a sentence that names the limit. */
export interface TableLimits {
  readonly columns: number
  /** Largest file after decompression, in bytes. */
  readonly expandedBytes: number
  /** Largest ratio of decompression once 256 MiB have come out: what is beyond it is a bomb, not a table. */
  readonly expansion: number
}

export const DEFAULT_LIMITS: TableLimits = {
  columns: 4096,
  expandedBytes: 16 * 1024 ** 3,
  expansion: 200,
}

/** Below this, how much a file expands does not matter. */
const HARMLESS_BYTES = 256 * 1024 * 1024

/** Bytes that may come out of a compressed file of so many. */
export function mostExpanded(packedBytes: number, { expandedBytes, expansion }: TableLimits = DEFAULT_LIMITS): number {
  return Math.min(expandedBytes, Math.max(HARMLESS_BYTES, packedBytes * expansion))
}
