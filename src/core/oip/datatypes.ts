// The datatypes of the Open Inference Protocol and the tensors behind them. BF16 is named only to be refused in words: no
// engine here takes it.

import { fail, type MlError } from '../failure.ts'
import type { TensorType, TypedArray } from '../tensors.ts'

export interface ArrayClass {
  readonly BYTES_PER_ELEMENT: number
  readonly name: string
  new (length: number): TypedArray
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray
}

export interface Datatype {
  /** As the protocol writes it. */
  readonly name: string
  readonly type: TensorType
  /** Bytes an element; 0 for BYTES, whose elements have a length of their own. */
  readonly bytes: number
  /** None for BYTES. */
  readonly array: ArrayClass | undefined
}

const TABLE: readonly (readonly [string, TensorType, ArrayClass | undefined])[] = [
  ['BOOL', 'bool', Uint8Array],
  ['UINT8', 'uint8', Uint8Array],
  ['UINT16', 'uint16', Uint16Array],
  ['UINT32', 'uint32', Uint32Array],
  ['UINT64', 'uint64', BigUint64Array],
  ['INT8', 'int8', Int8Array],
  ['INT16', 'int16', Int16Array],
  ['INT32', 'int32', Int32Array],
  ['INT64', 'int64', BigInt64Array],
  ['FP16', 'float16', Uint16Array],
  ['FP32', 'float32', Float32Array],
  ['FP64', 'float64', Float64Array],
  ['BYTES', 'string', undefined],
]

export const DATATYPES: ReadonlyMap<string, Datatype> = new Map(
  TABLE.map(([name, type, array]) => [name, { name, type, bytes: array?.BYTES_PER_ELEMENT ?? 0, array }]),
)

const OF_TYPE = Object.fromEntries([...DATATYPES.values()].map((datatype) => [datatype.type, datatype])) as Readonly<
  Record<TensorType, Datatype>
>

export function datatypeOf(type: TensorType): Datatype {
  return OF_TYPE[type]
}

/** @throws `invalid` TENSOR_INVALID for a name the protocol or the engine does not know. */
export function datatypeNamed(name: unknown, input: string): Datatype {
  const found = typeof name === 'string' ? DATATYPES.get(name) : undefined
  if (found) return found
  if (name === 'BF16')
    throw tensorInvalid(input, 'has datatype BF16, which the engine does not take; send FP16 or FP32')
  const given = typeof name === 'string' ? `"${name.slice(0, 40)}"` : typeof name
  throw tensorInvalid(input, `has the datatype ${given}; known are ${[...DATATYPES.keys()].join(', ')}`)
}

/** -1 where any length is accepted, as the protocol writes it. */
export function shapeOf(dims: readonly (number | null)[]): number[] {
  return dims.map((dim) => dim ?? -1)
}

/** What is wrong with one tensor of a request, in the protocol's way of naming it. */
export function tensorInvalid(name: string, problem: string): MlError {
  return fail('invalid', 'TENSOR_INVALID', `Input "${name}" ${problem}`)
}

/** More elements than this are refused before anything is allocated for them. */
const MAX_ELEMENTS = 2 ** 31
/** The engine keeps a dimension in 32 bits, and would cut a longer one off, also that of a tensor of no elements. */
const MAX_DIMENSION = 2 ** 31 - 1
/** The protocol has no limit; a rank like this is no tensor anybody computes with. */
const MAX_RANK = 32

/** @returns how many elements a shape holds; @throws `invalid` TENSOR_INVALID for negative, broken or overflowing shapes. */
export function checkedCount(name: string, shape: readonly unknown[]): number {
  if (shape.length > MAX_RANK)
    throw tensorInvalid(name, `has ${shape.length} dimensions; at most ${MAX_RANK} are taken`)
  let count = 1
  let empty = false
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || (dim as number) < 0) {
      throw tensorInvalid(
        name,
        `has the shape [${shownShape(shape)}]; every dimension must be a whole number, 0 or more`,
      )
    }
    if (dim === 0) empty = true
    else count = Math.min(count * (dim as number), Number.MAX_SAFE_INTEGER)
  }
  if (!empty && count > MAX_ELEMENTS) {
    throw tensorInvalid(name, `has the shape [${shownShape(shape)}], which is more than ${MAX_ELEMENTS} elements`)
  }
  if (count > MAX_DIMENSION && shape.some((dim) => (dim as number) > MAX_DIMENSION)) {
    throw tensorInvalid(name, `has the shape [${shownShape(shape)}]; a dimension is at most ${MAX_DIMENSION}`)
  }
  return empty ? 0 : count
}

const SHOWN_DIMS = 8

function shownShape(shape: readonly unknown[]): string {
  const shown = shape.slice(0, SHOWN_DIMS).map((dim) => (typeof dim === 'bigint' ? dim : JSON.stringify(dim)))
  return shape.length > SHOWN_DIMS ? `${shown.join(', ')}, …` : shown.join(', ')
}
