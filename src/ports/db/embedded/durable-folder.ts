// PGlite's folder file system with a working fsync. The stock one has none: the flush calls of PostgreSQL reach no file,
// whatever its settings say, and its fdatasync is empty too. Hence this operation, and wal_sync_method=fsync.
import { fdatasyncSync } from 'node:fs'
import type { PGlite, postgresMod } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'

type Module = postgresMod.PostgresMod

interface FolderFileSystem {
  readonly stream_ops: { fsync?: (stream: { readonly nfd: number }) => number }
}

export class DurableFolder extends NodeFS {
  override async init(pg: PGlite, options: Partial<Module>): Promise<{ emscriptenOpts: Partial<Module> }> {
    const made = await super.init(pg, options)
    const addFsync = (module: Module) => {
      const { stream_ops } = module.NODEFS as unknown as FolderFileSystem
      stream_ops.fsync = ({ nfd }) => {
        fdatasyncSync(nfd)
        return 0
      }
    }
    return { emscriptenOpts: { ...made.emscriptenOpts, preRun: [...(made.emscriptenOpts.preRun ?? []), addFsync] } }
  }
}

/**
 * Start parameters of PostgreSQL: PGlite's own, but with every commit flushed to the disk, and with small buffers: the
 * default of 128 MB doubles the memory of the whole service, and the system caches the files anyway.
 */
export function startParams(defaults: readonly string[]): string[] {
  const settings = ['fsync=on', 'wal_sync_method=fsync', 'shared_buffers=16MB']
  return [...defaults.filter((param) => param !== '-F'), ...settings.flatMap((setting) => ['-c', setting])]
}
