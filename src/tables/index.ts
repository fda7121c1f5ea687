// The face of reading tables. `cell.ts` is imported directly by whoever reads single cells: it loads no engine.
export { type CsvBlock, csvBlocks } from './csv-blocks.ts'
export { csvRecords } from './csv-cells.ts'
export type { Inspection } from './inspect.ts'
export {
  type InspectOptions,
  openTables,
  type ParquetType,
  type SplitTable,
  type StoredTable,
  type Tables,
  type TablesOptions,
} from './open.ts'
export type { Reading } from './reading.ts'
export { jsonLines } from './write.ts'
