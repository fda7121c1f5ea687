// The part of WebAssembly's interface that the kernel uses; TypeScript declares it for browsers only.
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
