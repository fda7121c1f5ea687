// The words of ONNX that graphs are built from: element types with their numbers, tensors, attributes.
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto holds the field numbers used throughout this folder.
import { fail } from '../../core/failure.ts'

/** Element types by the name used here → `TensorProto.DataType`. */
export const ELEMENT_TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
} as const
export type ElementType = keyof typeof ELEMENT_TYPES

/** A dimension: a size, or a name for a size known only when the graph runs ('N' is the batch). */
export type Dim = number | string

type NumericData =
  | { readonly type: 'float32'; readonly data: Float32Array }
  | { readonly type: 'float64'; readonly data: Float64Array }
  | { readonly type: 'float16' | 'uint16'; readonly data: Uint16Array }
  | { readonly type: 'int16'; readonly data: Int16Array }
  | { readonly type: 'int32'; readonly data: Int32Array }
  | { readonly type: 'uint32'; readonly data: Uint32Array }
  | { readonly type: 'int64'; readonly data: BigInt64Array | readonly number[] }
  | { readonly type: 'uint64'; readonly data: BigUint64Array }
  | { readonly type: 'int8'; readonly data: Int8Array }
  | { readonly type: 'uint8'; readonly data: Uint8Array }
  | { readonly type: 'bool'; readonly data: Uint8Array }

/** Values of a tensor, row-major, with its dims (`[]` is a scalar). float16 is given as its 16 bits. */
export type TensorData = (NumericData | { readonly type: 'string'; readonly data: readonly string[] }) & {
  readonly dims: readonly number[]
}

/** An attribute says its own type, because `1` could be an int or a float. */
export type Attribute =
  | { readonly int: number | bigint }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: ArrayLike<number | bigint> }
  | { readonly floats: ArrayLike<number> }
  | { readonly strings: readonly string[] }
  | { readonly tensor: TensorData }

export type Attributes = Readonly<Record<string, Attribute>>

/** Number of elements of a shape. */
function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

/** `internal` when the data does not fill the dims: a mistake of ours, never of a user. */
export function checkTensor(name: string, tensor: TensorData): void {
  const expected = elementCount(tensor.dims)
  if (tensor.data.length === expected) return
  const shape = `[${tensor.dims.join(', ')}]`
  throw fail('internal', 'ONNX_TENSOR_SHAPE', `"${name}" has ${tensor.data.length} elements for shape ${shape}`)
}
