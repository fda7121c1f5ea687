// The WebAssembly kernel (assembly/trees.ts), where the build has made it: a file beside the compiled sources. Without it the
// plain kernel does the same work and gives the same trees, only slower.
import { type BuiltModule, builtModule } from '../web-assembly.ts'
import { type Arena, SIDES } from './arena.ts'
import { type Kernel, plainKernel } from './kernel.ts'

const FILE = new URL('../../../../dist/ml/learn/trees/kernel.wasm', import.meta.url)
/** A file that an older build left behind is not used. */
const VERSION = 3

/** What the build has made. */
export function builtKernel(): BuiltModule {
  return builtModule(FILE)
}

type Call = 'version' | 'histogram' | 'subtract' | 'add' | 'divide' | 'part' | 'scan'
type Exports = Readonly<Record<Call, (...args: number[]) => number>>

export function openKernel(arena: Arena, module: BuiltModule): Kernel {
  if (!module) return plainKernel(arena)
  const { exports } = new WebAssembly.Instance(module, { env: { memory: arena.memory } })
  const calls = exports as unknown as Exports
  if (calls.version() !== VERSION) return plainKernel(arena)
  const { histograms, order, bins, offsets, places, columns, sides, spare, gradients, plan } = arena
  const slotBytes = plan.bins * 16
  return {
    histogram: ({ output, start, count, from, to, slot, part }) => {
      const pairs = gradients.byteOffset + output * plan.rows * 8
      const into = histograms.byteOffset + slot * slotBytes
      const rows = order.byteOffset + 4 * start
      const notes = places.byteOffset + part * plan.features * 4
      const features = [from, to, offsets.byteOffset, into, notes] as const
      calls.histogram(rows, count, pairs, bins.byteOffset, arena.stride, ...features)
    },
    subtract: ({ whole, part }, { from, to }) => {
      const first = histograms.byteOffset + offsets[from]! * 16
      calls.subtract(first + whole * slotBytes, first + part * slotBytes, offsets[to]! - offsets[from]!)
    },
    add: ({ whole, part }, { from, to }) => {
      const first = histograms.byteOffset + offsets[from]! * 16
      calls.add(first + whole * slotBytes, first + part * slotBytes, offsets[to]! - offsets[from]!)
    },
    part: (feature, { start, count }) => {
      const column = columns.byteOffset + feature * plan.rows
      return calls.part(order.byteOffset + 4 * start, count, column, sides.byteOffset, spare.byteOffset + 4 * start)
    },
    divide: (feature, { start, count, place }) => {
      const column = columns.byteOffset + feature * plan.rows
      const own = sides.byteOffset + place * SIDES
      return calls.divide(order.byteOffset + 4 * start, count, column, own, spare.byteOffset + 4 * start)
    },
    scan: ({ histogram, start, bins: count, missing, gradient, hessian, l2, least, whole, record, at }) => {
      const first = histogram.byteOffset + start * 16
      calls.scan(first, count, missing, gradient, hessian, l2, least, whole, record.byteOffset + at * 8)
    },
  }
}
