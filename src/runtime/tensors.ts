// What every tensor type is made of: its array class, and small arithmetic on shapes. float16 travels as raw bits,
// because arrays of that type exist only on the newest engines.
import type { Tensor, TensorType, TypedArray } from './types.ts'

export type NumericType = Exclude<TensorType, 'string'>

interface ArrayClass {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray
}

export const ARRAY_CLASS: Readonly<Record<NumericType, ArrayClass>> = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  bool: Uint8Array,
  float16: Uint16Array,
}

export function isTensorType(type: string): type is TensorType {
  return type === 'string' || type in ARRAY_CLASS
}

/** Values a tensor of this shape holds; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  let count = 1
  for (const dim of dims) count *= dim
  return count
}

export function isStrings(tensor: Tensor): tensor is Tensor & { readonly data: readonly string[] } {
  return tensor.type === 'string'
}
