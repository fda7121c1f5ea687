// Reading uploaded tables: what a file holds, whether it keeps its contract, and its rows or columns. Everything runs on
// DuckDB's threads; each call opens an engine of its own, and at most `concurrency` of the long ones run at a time.
import { availableParallelism } from 'node:os'
import type { ContractColumn, DataContract, ValidationReport } from '../contract/datasets.ts'
import { fail } from '../core/failure.ts'
import type { Table } from '../ml/table.ts'
import { checkTable, contractColumns } from './check.ts'
import { diagnose, MIXED_NEWLINES } from './diagnose.ts'
import { openEngine } from './engine.ts'
import { measure, type TableFile } from './facts.ts'
import { type Inspection, inspectTable } from './inspect.ts'
import { loadTable } from './load.ts'
import { DEFAULT_LIMITS, type Reading, type TableLimits } from './reading.ts'
import { type JsonRow, readPage, streamRows } from './rows.ts'
import { findColumns, sniffReading } from './shape.ts'
import { isGzip } from './sniff.ts'
import { expand, readHead, type SourceFile, type SourceFolder, sourceFile, sourceFolder } from './source.ts'

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
  /** Refuses new calls and waits for those that run. */
  close(): Promise<void>
}

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
    work: (table: TableFile, folder: string) => Promise<T>,
  ): Promise<T> => {
    await using folder = await sourceFolder(options.tempDir)
    const file = await sourceFile(path, reading, { folder, limits, signal })
    await using engine = await openEngine(engineOptions(folder, file, signal))
    try {
      return await work({ engine, file, reading }, folder.path)
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
      return await inspectTable({ engine, file, reading: found }, given)
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

  return {
    inspect: (path, given) => tracked(() => queue(() => inspect(path, given))),
    validate: (stored, contract, signal) =>
      tracked(() => queue(() => withTable(stored, signal, (table) => validateTable(table, contract)))),
    rows: (stored, contract, { signal, ...range }) =>
      tracked(() => withTable(stored, signal, (table) => readPage(table, contract, range))),
    load: (stored, columns, signal) =>
      tracked(() => queue(() => withTable(stored, signal, (table, folder) => loadTable(table, columns, folder)))),
    async *batches({ path, reading }, contract, { size, offset = 0, signal }) {
      if (isClosed)
        throw fail('unavailable', 'TABLES_CLOSED', 'Reading tables has stopped: the service is shutting down')
      await using folder = await sourceFolder(options.tempDir)
      const file = await sourceFile(path, reading, { folder, limits, signal })
      await using engine = await openEngine({ ...engineOptions(folder, file, signal), threads: 1 })
      yield* regroup(streamRows({ engine, file, reading }, contract), { size, skip: offset })
    },
    async close() {
      isClosed = true
      await Promise.allSettled(running)
    },
  }
}

async function validateTable(table: TableFile, contract: DataContract): Promise<ValidationReport> {
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
