// May rows of several callers be run together? Asked by trying: three made-up rows, alone and together, must give the same
// answers. A graph that looks along the rows, or takes only one, is found out; so is one that fails on made-up values,
// which then simply is not batched. Together and alone may differ in the last bits, as sums are added in another order.
import type { Session } from './session.ts'
import { ARRAY_CLASS, elementCount, isStrings, type NumericType } from './tensors.ts'
import type { Tensor, TensorInfo, TypedArray } from './types.ts'

const ROWS = 3
/** Length of the other axes that may vary. */
const LENGTH = 4
const MAX_ELEMENTS = 4_000_000
/** A run this long gains little from company, and four of them would make the load long. */
const TOO_LONG_MS = 500
const RELATIVE = 1e-3
const ABSOLUTE = 1e-5

const WORDS = ['a', 'b', '', 'c']
const HALVES = [0x3c00, 0x3800, 0xbc00, 0x0000] // 1, 0.5, -1, 0

export async function rowsAreIndependent(session: Session): Promise<boolean> {
  const { inputs } = session.info
  if (inputs.length === 0 || inputs.some(({ dims }) => dims[0] !== null)) return false
  try {
    const rows = Array.from({ length: ROWS }, (_, row) => inputs.map((input) => madeUp(input, [row])))
    if (rows[0]!.some(({ data }) => data.length > MAX_ELEMENTS)) return false
    const alone: (readonly Tensor[])[] = []
    for (const feeds of rows) {
      const { outputs, runMs } = await session.run(feeds, [])
      if (runMs > TOO_LONG_MS || outputs.some(({ dims }) => dims[0] !== 1)) return false
      alone.push(outputs)
    }
    const all = Array.from({ length: ROWS }, (_, row) => row)
    const { outputs } = await session.run(
      inputs.map((input) => madeUp(input, all)),
      [],
    )
    return outputs.every((together, i) =>
      sameRows(
        together,
        alone.map((tensors) => tensors[i]!),
      ),
    )
  } catch {
    return false
  }
}

function madeUp({ name, type, dims }: TensorInfo, rows: readonly number[]): Tensor {
  const shape = dims.slice(1).map((dim) => dim ?? LENGTH)
  const width = elementCount(shape)
  const salt = name.length
  const cells = rows.flatMap((row) => Array.from({ length: width }, (_, k) => 31 * row + 7 * k + salt + row * k))
  return { type, dims: [rows.length, ...shape], data: values(type, cells) }
}

function values(type: TensorInfo['type'], cells: readonly number[]): Tensor['data'] {
  switch (type) {
    case 'string':
      return cells.map((cell) => WORDS[cell % WORDS.length]!)
    case 'float32':
    case 'float64':
      return type === 'float32'
        ? Float32Array.from(cells, (cell) => 2 * Math.sin(cell))
        : Float64Array.from(cells, (cell) => 2 * Math.sin(cell))
    case 'float16':
      return Uint16Array.from(cells, (cell) => HALVES[cell % HALVES.length]!)
    case 'int64':
    case 'uint64':
      return type === 'int64'
        ? BigInt64Array.from(cells, (cell) => BigInt(cell % 3))
        : BigUint64Array.from(cells, (cell) => BigInt(cell % 3))
    case 'bool':
      return Uint8Array.from(cells, (cell) => cell % 2)
    default:
      return filled(
        type,
        cells.map((cell) => cell % 3),
      )
  }
}

function filled(type: NumericType, cells: readonly number[]): TypedArray {
  const array = new ARRAY_CLASS[type](new ArrayBuffer(cells.length * ARRAY_CLASS[type].BYTES_PER_ELEMENT))
  cells.forEach((cell, i) => {
    array[i] = cell
  })
  return array
}

function sameRows(together: Tensor, alone: readonly Tensor[]): boolean {
  if (together.dims[0] !== ROWS) return false
  const width = together.data.length / ROWS
  return alone.every((one, row) => {
    if (one.data.length !== width || one.dims.slice(1).join() !== together.dims.slice(1).join()) return false
    for (let k = 0; k < width; k++) {
      if (!same(together, one.data[k]!, together.data[row * width + k]!)) return false
    }
    return true
  })
}

function same(tensor: Tensor, a: string | number | bigint, b: string | number | bigint): boolean {
  if (a === b || isStrings(tensor) || typeof a !== 'number' || typeof b !== 'number') return a === b
  if (tensor.type !== 'float32' && tensor.type !== 'float64') return tensor.type === 'float16' && Math.abs(a - b) <= 2
  if (Number.isNaN(a)) return Number.isNaN(b)
  return Math.abs(a - b) <= ABSOLUTE + RELATIVE * Math.max(Math.abs(a), Math.abs(b))
}
