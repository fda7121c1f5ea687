// Kernels in WebAssembly: the files that the build makes of assembly/, and the part of the interface that is used, which TypeScript declares
// for browsers only.
import { readFileSync } from 'node:fs'

declare global {
  namespace WebAssembly {
    class Memory {
      constructor(options: { readonly initial: number; readonly maximum: number; readonly shared: true })
      readonly buffer: SharedArrayBuffer
      grow(pages: number): number
    }
    class Module {
      constructor(bytes: Uint8Array)
    }
    class Instance {
      constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>)
      readonly exports: Readonly<Record<string, unknown>>
    }
  }
}

export type SharedMemory = WebAssembly.Memory

/** Null where the build has made none: then the plain kernel does the same work. */
export type BuiltModule = WebAssembly.Module | null

const compiled = new Map<string, BuiltModule>()

/** Compiled once a process. `file`: the same place seen from the sources and from the build. */
export function builtModule(file: URL): BuiltModule {
  let module = compiled.get(file.href)
  if (module === undefined) {
    try {
      module = new WebAssembly.Module(readFileSync(file))
    } catch {
      module = null
    }
    compiled.set(file.href, module)
  }
  return module
}
