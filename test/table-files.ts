// Files for the tests of reading tables: written into a folder of their own, which goes when the test ends.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MlError } from '../src/core/failure.ts'
import { type InspectOptions, openTables, type Tables, type TablesOptions } from '../src/tables/index.ts'

export interface TableFiles {
  readonly tables: Tables
  readonly folder: string
  write(content: string | Uint8Array, name?: string): Promise<string>
  /** Writes and inspects. */
  inspect(content: string | Uint8Array, options?: InspectOptions): ReturnType<Tables['inspect']>
  /** Writes, inspects and reads all rows under the contract that came out. */
  read(content: string | Uint8Array, options?: InspectOptions): Promise<unknown[]>
  /** Writes and inspects; the refusal, as rule, place and message. */
  refusal(content: string | Uint8Array, options?: InspectOptions): Promise<Refusal>
  /** What is left in the folder for temporary files. */
  leftovers(): Promise<string[]>
  [Symbol.asyncDispose](): Promise<void>
}

export interface Refusal {
  readonly code: string
  readonly message: string
  readonly row: number | null
  readonly column: string
  readonly rule: string
  readonly value: string | null
}

export async function tableFiles(options: Partial<TablesOptions> = {}): Promise<TableFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'table-files-'))
  const tempDir = await mkdtemp(join(folder, 'temp-'))
  const tables = openTables({ tempDir, threads: 2, ...options })
  let count = 0
  const write = async (content: string | Uint8Array, name = `upload-${count++}`) => {
    const path = join(folder, name)
    await writeFile(path, content)
    return path
  }
  return {
    tables,
    folder,
    write,
    inspect: async (content, given) => tables.inspect(await write(content), given),
    read: async (content, given) => {
      const path = await write(content)
      const { reading, contract, rows } = await tables.inspect(path, given)
      return tables.rows({ path, reading }, contract, { offset: 0, limit: rows })
    },
    refusal: async (content, given) => {
      const path = await write(content)
      const failure: unknown = await tables.inspect(path, given).catch((error: unknown) => error)
      if (!(failure instanceof MlError)) throw new Error('the file was not refused', { cause: failure })
      const [finding] = (failure.details?.findings ?? []) as Refusal[]
      return { ...finding!, code: failure.code, message: failure.message }
    },
    leftovers: () => readdir(tempDir),
    async [Symbol.asyncDispose]() {
      await tables.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
