// One locked-down in-memory DuckDB per operation: it can open the uploaded file and the operation's own folder, nothing else, loads no
// extension, and its settings cannot be changed by a query. Opening costs about 10 ms and isolates operations fully.
import type { DuckDBConnection } from '@duckdb/node-api'
import { tooLarge } from './refuse.ts'

export interface EngineOptions {
  /** The only folder that may be read or written; spilled data goes there too. */
  readonly folder: string
  /** The one file outside the folder that may be read. */
  readonly file: string
  readonly memoryLimitMb: number
  readonly threads: number
  readonly signal?: AbortSignal | undefined
}

export type SqlRow = readonly unknown[]
/** A chunk's column: raw values and the set of rows that hold one. */
export type Chunk = Awaited<ReturnType<Awaited<ReturnType<DuckDBConnection['stream']>>['fetchChunk']>>

export interface Engine {
  /** All rows at once, as plain values (BigInt for 64-bit integers). For small results. */
  rows(sql: string): Promise<SqlRow[]>
  run(sql: string): Promise<void>
  /** About 2,000 rows at a time, in file order. */
  chunks(sql: string): AsyncGenerator<NonNullable<Chunk>>
  [Symbol.asyncDispose](): Promise<void>
}

export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { folder, file, memoryLimitMb, threads, signal } = options
  signal?.throwIfAborted()
  // Loaded with the first table, not with the service: the library is 70 MB.
  const { DuckDBInstance } = await import('@duckdb/node-api')
  signal?.throwIfAborted()
  const database = await DuckDBInstance.create(':memory:', {
    threads: String(threads),
    memory_limit: `${memoryLimitMb}MiB`,
    // What a task is done with goes back to the system soon: a seventh less memory at no cost in time.
    allocator_flush_threshold: '4MiB',
    allocator_bulk_deallocation_flush_threshold: '8MiB',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  })
  const connection = await database.connect()
  await connection.run(`SET temp_directory = ${quote(`${folder}/spill`)};
    SET allowed_directories = [${quote(`${folder}/`)}];
    SET allowed_paths = [${quote(file)}];
    SET enable_external_access = false;
    SET TimeZone = 'UTC';
    SET errors_as_json = false;
    SET lock_configuration = true`)
  const interrupt = () => connection.interrupt()
  signal?.addEventListener('abort', interrupt, { once: true })

  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    signal?.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      signal?.throwIfAborted()
      throw describe(error, memoryLimitMb)
    }
  }
  // A statement ends the stream of another on the same connection, which then seems to have come to its end: rows would be missing.
  let isStreaming = false
  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isStreaming) throw new Error('A statement was begun while the rows of another were still being read')
    return guarded(work)
  }
  return {
    rows: (sql) => alone(async () => (await connection.runAndReadAll(sql)).getRowsJS()),
    run: (sql) => alone(async () => void (await connection.run(sql))),
    async *chunks(sql) {
      const started = alone(() => connection.stream(sql))
      isStreaming = true
      try {
        const result = await started
        for (;;) {
          const chunk = await guarded(() => result.fetchChunk())
          if (!chunk || chunk.rowCount === 0) return
          yield chunk
        }
      } finally {
        isStreaming = false
      }
    },
    async [Symbol.asyncDispose]() {
      signal?.removeEventListener('abort', interrupt)
      connection.closeSync()
      database.closeSync()
    },
  }
}

/** An error of the engine's, to be put into words by whoever knows the file. */
export class EngineError extends Error {}

function describe(error: unknown, memoryLimitMb: number): unknown {
  if (!(error instanceof Error)) return error
  const message = error.message.split('\n')[0] ?? ''
  if (/^Out of Memory/i.test(message)) {
    return tooLarge(`Reading the file needs more than the ${memoryLimitMb} MB of memory it may use`)
  }
  return new EngineError(message, { cause: error })
}

/** Text as a SQL literal. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A name as a SQL identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
