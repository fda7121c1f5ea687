// Cells on their way into tensors: collected as float64 or text, then converted to the type the graph declares.
import { fail } from '../../core/failure.ts'
import type { Tensor, TensorInfo, Tensors, TensorType, TypedArray } from '../../runtime/index.ts'
import type { TensorLayout } from './layout.ts'

export type Cells = Float64Array | string[]

/** Room for `rows` rows, all missing. */
export function emptyCells({ type, width }: TensorLayout, rows: number): Cells {
  if (type === 'string') return new Array<string>(rows * width).fill('')
  return new Float64Array(rows * width).fill(hasMissing(type) ? Number.NaN : 0)
}

/** Whether a type can say "missing" (as NaN). */
function hasMissing(type: TensorType): boolean {
  return type === 'float64' || type === 'float32' || type === 'string'
}

/** Least and greatest whole number of a type; a typed array would silently wrap around beyond them. */
export const WHOLE_RANGE: Readonly<Partial<Record<TensorType, readonly [number, number]>>> = {
  int64: [-(2 ** 53), 2 ** 53],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  int8: [-(2 ** 7), 2 ** 7 - 1],
  uint64: [0, 2 ** 53],
  uint32: [0, 2 ** 32 - 1],
  uint16: [0, 2 ** 16 - 1],
  uint8: [0, 2 ** 8 - 1],
}

/** Zeros and empty strings in the shapes a graph declares; an axis of any length has one element. */
export function sampleTensors(inputs: readonly TensorInfo[]): Tensors {
  return Object.fromEntries(
    inputs.map(({ name, type, dims: declared }): [string, Tensor] => {
      const dims = declared.map((dim) => dim ?? 1)
      const length = dims.reduce((product, dim) => product * dim, 1)
      if (type === 'string') return [name, { type, dims, data: new Array<string>(length).fill('') }]
      if (type === 'float64') return [name, { type, dims, data: new Float64Array(length) }]
      if (type === 'float16') return [name, { type, dims, data: new Uint16Array(length) }]
      return [name, { type, dims, data: convert(type, new Float64Array(length)) }]
    }),
  )
}

/** The first `rows` rows as a tensor of the declared type. */
export function tensorOf({ type, width, rank }: TensorLayout, cells: Cells, rows: number): Tensor {
  const dims = rank === 1 ? [rows] : [rows, width]
  const length = rows * width
  if (!(cells instanceof Float64Array))
    return { type, dims, data: cells.length === length ? cells : cells.slice(0, length) }
  const values = cells.length === length ? cells : cells.slice(0, length)
  return { type, dims, data: type === 'float64' ? values : convert(type, values) }
}

const CONVERT: Readonly<Partial<Record<TensorType, (values: Float64Array) => TypedArray>>> = {
  float32: (values) => Float32Array.from(values),
  int64: (values) => BigInt64Array.from(values, (value) => BigInt(value)),
  int32: (values) => Int32Array.from(values),
  int16: (values) => Int16Array.from(values),
  int8: (values) => Int8Array.from(values),
  uint64: (values) => BigUint64Array.from(values, (value) => BigInt(value)),
  uint32: (values) => Uint32Array.from(values),
  uint16: (values) => Uint16Array.from(values),
  uint8: (values) => Uint8Array.from(values),
  bool: (values) => Uint8Array.from(values),
}

function convert(type: TensorType, values: Float64Array): TypedArray {
  const to = CONVERT[type]
  if (!to) throw fail('invalid', 'MODEL_INPUT_UNSUPPORTED', `Columns cannot be given as ${type}`)
  return to(values)
}
