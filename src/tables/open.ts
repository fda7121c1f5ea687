// Reading uploaded tables: what a file holds, whether it keeps its contract, and its rows or columns. Everything runs on
// DuckDB's threads; each call opens an engine of its own, and at most `concurrency` of the long ones run at a time.
import { realpath, rename } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type { ContractColumn, DataContract, ValidationReport } from '../contract/datasets.ts'
import { fail } from '../core/failure.ts'
import type { Table } from '../ml/table.ts'
import { checkTable, contractColumns } from './check.ts'
import { diagnose, MIXED_NEWLINES } from './diagnose.ts'
import { openEngine, quote } from './engine.ts'
import { measure, type TableFile } from './facts.ts'
import { type Inspection, inspectTable } from './inspect.ts'
import { loadTable } from './load.ts'
import { DEFAULT_LIMITS, type Reading, type TableLimits } from './reading.ts'
import { type JsonRow, readPage, streamRows } from './rows.ts'
import { findColumns, sniffReading } from './shape.ts'
import { isGzip } from './sniff.ts'
import { expand, readHead, type SourceFile, type SourceFolder, sourceFile, sourceFolder } from './source.ts'
import { cutFile, OTHER_LINE_ENDS, type Piece, type PieceLimits, writePlain } from './split.ts'
import { inStrips, type StripOptions } from './strips.ts'

export interface TablesOptions {
  /** An existing folder for copies and spilled data; everything put there is removed again. */
  readonly tempDir: string
  /** Memory DuckDB may use for one call, in MiB (default 192). */
  readonly memoryLimitMb?: number
  /** Threads of one call (default: all cores, at most 8). */
  readonly threads?: number
  /** Calls that read whole files at the same time (default 2); others wait their turn. */
  readonly concurrency?: number
  readonly limits?: Partial<TableLimits>
}

export interface InspectOptions {
  readonly target?: string
  /** Where given, columns have its dtypes and the report is against it; else a contract is inferred. */
  readonly contract?: DataContract
  readonly signal?: AbortSignal
}

export interface RowRange {
  readonly offset: number
  readonly limit: number
  readonly signal?: AbortSignal
}

export interface StoredTable {
  readonly path: string
  readonly reading: Reading
}

export interface Tables {
  /** Throws DATASET_INVALID for a file that cannot be read; a broken contract is in the report. */
  inspect(path: string, options?: InspectOptions): Promise<Inspection>
  validate(table: StoredTable, contract: DataContract, signal?: AbortSignal): Promise<ValidationReport>
  rows(table: StoredTable, contract: DataContract, range: RowRange): Promise<JsonRow[]>
  /** The given columns, typed; memory is the caller's. Throws DATASET_INVALID where a cell does not fit. */
  load(table: StoredTable, columns: readonly ContractColumn[], signal?: AbortSignal): Promise<Table>
  /** All rows, `size` at a time (the last batch may be smaller). */
  batches(
    table: StoredTable,
    contract: DataContract,
    options: { readonly size: number; readonly offset?: number; readonly signal?: AbortSignal },
  ): AsyncGenerator<JsonRow[]>
  /**
   * Cuts a file into pieces of whole rows. `use` is given the file as it was cut (`rewritten`: a plain copy, which goes with
   * the call). Throws DATASET_INVALID for a file that cannot be read; its cells are not looked at.
   */
  split<T>(path: string, options: SplitOptions, use: (split: SplitTable) => Promise<T>): Promise<T>
  /** Writes JSON lines as a Parquet file; the columns are taken in the order given. */
  writeParquet(lines: string, target: string, columns: Readonly<Record<string, ParquetType>>): Promise<void>
  /** Refuses new calls and waits for those that run. */
  close(): Promise<void>
}

export interface SplitOptions {
  readonly limits: PieceLimits
  /** As it was stored; found out where there is none. */
  readonly reading?: Reading
  readonly signal?: AbortSignal
}

export interface SplitTable {
  readonly path: string
  readonly rewritten: boolean
  /** How the pieces are to be read. */
  readonly reading: Reading
  readonly pieces: readonly Piece[]
}

export type ParquetType = 'BIGINT' | 'DOUBLE' | 'BOOLEAN' | 'VARCHAR'

export function openTables(options: TablesOptions): Tables {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const queue = waitingLine(options.concurrency ?? 2)
  const running = new Set<Promise<unknown>>()
  let isClosed = false

  const tracked = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isClosed) throw fail('unavailable', 'TABLES_CLOSED', 'Reading tables has stopped: the service is shutting down')
    const done = work()
    running.add(done)
    try {
      return await done
    } finally {
      running.delete(done)
    }
  }
  const engineOptions = (folder: SourceFolder, file: SourceFile, signal: AbortSignal | undefined) => ({
    folder: folder.path,
    file: file.realPath,
    memoryLimitMb: options.memoryLimitMb ?? 192,
    threads: options.threads ?? Math.min(8, availableParallelism()),
    signal,
  })

  /** Opens the file under its stored reading and puts any engine error into words. */
  const withTable = async <T>(
    { path, reading }: StoredTable,
    signal: AbortSignal | undefined,
    work: (table: TableFile, where: StripOptions) => Promise<T>,
  ): Promise<T> => {
    await using folder = await sourceFolder(options.tempDir)
    const file = await sourceFile(path, reading, { folder, limits, signal })
    await using engine = await openEngine(engineOptions(folder, file, signal))
    try {
      return await work({ engine, file, reading }, { folder: folder.path, signal })
    } catch (error) {
      const cause = await diagnose(error, { file, reading })
      throw cause === MIXED_NEWLINES ? error : cause
    }
  }

  const inspectAs = async (path: string, reading: Reading, given: InspectOptions): Promise<Inspection> => {
    await using folder = await sourceFolder(options.tempDir)
    const file = await sourceFile(path, reading, { folder, limits, signal: given.signal })
    await using engine = await openEngine(engineOptions(folder, file, given.signal))
    try {
      const found = await findColumns(engine, file, { reading, limits })
      const where = { folder: folder.path, signal: given.signal }
      return await inspectTable(await inStrips({ engine, file, reading: found }, where), given)
    } catch (error) {
      const cause = await diagnose(error, { file, reading })
      if (cause !== MIXED_NEWLINES || reading.rewrite) throw cause === MIXED_NEWLINES ? error : cause
    }
    return inspectAs(path, { ...reading, rewrite: true }, given)
  }

  const inspect = async (path: string, given: InspectOptions = {}): Promise<Inspection> => {
    await using folder = await sourceFolder(options.tempDir)
    const gzip = isGzip(await readHead(path, 2))
    const plain = gzip ? await expand(path, { folder, limits, signal: given.signal }) : path
    const reading = sniffReading(await readHead(plain), gzip, limits)
    return await inspectAs(plain, reading, given)
  }

  /** A plain file (UTF-8, `\\n`, CSV or JSON lines) of the same rows. */
  const plainFile = async (
    path: string,
    { reading: given, signal }: SplitOptions,
    folder: SourceFolder,
  ): Promise<Omit<SplitTable, 'pieces'>> => {
    const gzip = isGzip(await readHead(path, 2))
    const expanded = gzip ? await expand(path, { folder, limits, signal }) : path
    const reading = given ?? sniffReading(await readHead(expanded), false, limits)
    const file = await sourceFile(expanded, { ...reading, gzip: false }, { folder, limits, signal })
    if (reading.format === 'csv' || reading.format === 'jsonl') {
      const plain = { ...reading, gzip: false, encoding: 'utf-8' as const, rewrite: false }
      if (reading.rewrite) return { path: file.path, rewritten: true, reading: plain }
      return { path: expanded, rewritten: gzip, reading: plain }
    }
    await using engine = await openEngine(engineOptions(folder, file, signal))
    try {
      const found = given ?? (await findColumns(engine, file, { reading, limits }))
      const target = `${folder.path}/plain.csv`
      return { path: target, rewritten: true, reading: await writePlain({ engine, file, reading: found }, target) }
    } catch (error) {
      throw await diagnose(error, { file, reading })
    }
  }

  const split = async <T>(path: string, given: SplitOptions, use: (split: SplitTable) => Promise<T>): Promise<T> => {
    await using folder = await sourceFolder(options.tempDir)
    const plain = await plainFile(path, given, folder)
    const pieces = await cutFile(plain.path, plain.reading, given)
    if (pieces !== OTHER_LINE_ENDS) return await use({ ...plain, pieces })
    await using second = await sourceFolder(options.tempDir)
    const rewritten = { ...plain.reading, rewrite: true }
    const file = await sourceFile(plain.path, rewritten, { folder: second, limits, signal: given.signal })
    const again = (await cutFile(file.path, plain.reading, given)) as readonly Piece[]
    return await use({ path: file.path, rewritten: true, reading: plain.reading, pieces: again })
  }

  return {
    split: (path, given, use) => tracked(() => split(path, given, use)),
    writeParquet: (lines, target, columns) =>
      tracked(async () => {
        await using folder = await sourceFolder(options.tempDir)
        const file = { path: lines, realPath: await realpath(lines), gzip: false }
        await using engine = await openEngine(engineOptions(folder, file, undefined))
        const types = Object.entries(columns).map(([name, type]) => `${quote(name)}: '${type}'`)
        const output = `${folder.path}/table.parquet`
        await engine.run(`COPY (SELECT * FROM read_json(${quote(file.realPath)}, format = 'newline_delimited',
          records = true, auto_detect = false, columns = {${types.join(', ')}}))
          TO ${quote(output)} (FORMAT parquet)`)
        await rename(output, target)
      }),
    inspect: (path, given) => tracked(() => queue(() => inspect(path, given))),
    validate: (stored, contract, signal) =>
      tracked(() => queue(() => withTable(stored, signal, (...table) => validateTable(contract, ...table)))),
    rows: (stored, contract, { signal, ...range }) =>
      tracked(() => withTable(stored, signal, (table, where) => readPage(table, contract, { ...range, ...where }))),
    load: (stored, columns, signal) =>
      tracked(() => queue(() => withTable(stored, signal, (...table) => loadTable(columns, ...table)))),
    async *batches({ path, reading }, contract, { size, offset = 0, signal }) {
      if (isClosed)
        throw fail('unavailable', 'TABLES_CLOSED', 'Reading tables has stopped: the service is shutting down')
      await using folder = await sourceFolder(options.tempDir)
      const file = await sourceFile(path, reading, { folder, limits, signal })
      await using engine = await openEngine({ ...engineOptions(folder, file, signal), threads: 1 })
      const rows = streamRows({ engine, file, reading }, contract, { folder: folder.path, signal })
      yield* regroup(rows, { size, skip: offset })
    },
    async close() {
      isClosed = true
      await Promise.allSettled(running)
    },
  }
}

async function validateTable(contract: DataContract, whole: TableFile, where: StripOptions): Promise<ValidationReport> {
  const table = await inStrips(whole, where)
  const wanted = contractColumns(table.reading, contract)
  const facts = await measure(
    table,
    wanted.map(({ column }) => column),
  )
  return checkTable(
    table,
    contract,
    wanted.map((pair, k) => ({ ...pair, facts: facts[k]! })),
  )
}

async function* regroup<T>(
  pieces: AsyncIterable<T[]>,
  { size, skip }: { readonly size: number; readonly skip: number },
): AsyncGenerator<T[]> {
  let rest: T[] = []
  let unwanted = skip
  for await (const piece of pieces) {
    rest.push(...piece.slice(unwanted))
    unwanted = Math.max(0, unwanted - piece.length)
    let from = 0
    for (; rest.length - from >= size; from += size) yield rest.slice(from, from + size)
    rest = rest.slice(from)
  }
  if (rest.length > 0) yield rest
}

/** Runs at most `width` pieces of work at a time, first come first served. */
function waitingLine(width: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let busy = 0
  return async (work) => {
    if (busy >= width) await new Promise<void>((resolve) => waiting.push(resolve))
    else busy++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else busy--
    }
  }
}
