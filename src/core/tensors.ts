// Tensors as everything but the engine sees them: the words that the faces, the domain and the runtime share.

import { fromFloat16 } from './float16.ts'

export const TENSOR_TYPES = [
  'float32',
  'float64',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
  'string',
  'float16',
] as const

export type TensorType = (typeof TENSOR_TYPES)[number]

export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array
  | Uint32Array

/**
 * Row-major values of shape `dims`; a scalar has `dims: []` and one value. int64/uint64 are BigInt arrays, bool is a
 * Uint8Array of 0 and 1, float16 the raw bits in a Uint16Array, string an array of strings.
 */
export interface Tensor {
  readonly type: TensorType
  readonly dims: readonly number[]
  readonly data: TypedArray | readonly string[]
}

/** The values as they are meant: those of float16 as numbers, instead of their bits. */
export function valuesOf({ type, data }: Tensor): Tensor['data'] {
  return type === 'float16' ? Float32Array.from(data as Uint16Array, (bits) => fromFloat16(bits)) : data
}

/** Values by the name of the graph's input or output. */
export type Tensors = Readonly<Record<string, Tensor>>

export interface TensorInfo {
  readonly name: string
  readonly type: TensorType
  /** One entry per axis; null where the model accepts any length. */
  readonly dims: readonly (number | null)[]
}
