// InferTensorContents: tensors as typed lists of protobuf. Slower than raw bytes, and there for clients that have nothing
// else. FP16 has no list of its own, so it travels raw alone.
import { type Datatype, tensorInvalid } from '../core/oip/datatypes.ts'
import { decodeText, fromRaw, type RawTensor } from '../core/oip/raw.ts'
import type { Tensor, TensorType, TypedArray } from '../core/tensors.ts'
import { BYTES, type WireReader, WireWriter } from './wire.ts'

/** The list of each type: its field, and how an element is told. */
const LISTS: Readonly<Record<Exclude<TensorType, 'float16'>, { field: number; name: string }>> = {
  bool: { field: 1, name: 'bool_contents' },
  int8: { field: 2, name: 'int_contents' },
  int16: { field: 2, name: 'int_contents' },
  int32: { field: 2, name: 'int_contents' },
  int64: { field: 3, name: 'int64_contents' },
  uint8: { field: 4, name: 'uint_contents' },
  uint16: { field: 4, name: 'uint_contents' },
  uint32: { field: 4, name: 'uint_contents' },
  uint64: { field: 5, name: 'uint64_contents' },
  float32: { field: 6, name: 'fp32_contents' },
  float64: { field: 7, name: 'fp64_contents' },
  string: { field: 8, name: 'bytes_contents' },
}

const RANGE: Readonly<Partial<Record<TensorType, readonly [number, number]>>> = {
  int8: [-128, 127],
  int16: [-32_768, 32_767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint8: [0, 255],
  uint16: [0, 65_535],
  uint32: [0, 2 ** 32 - 1],
}

/** @throws `invalid` TENSOR_INVALID where the list is another one than the datatype's, or not as long as the shape says. */
export function readContents(tensor: RawTensor, contents: WireReader | undefined): Tensor {
  const { name, datatype, shape, count } = tensor
  const { type } = datatype
  if (type === 'float16') throw tensorInvalid(name, 'is FP16, which travels in raw_input_contents alone')
  const list = contents ? collect(tensor, contents, LISTS[type].field) : { bytes: [], values: [] }
  if (type === 'float32' || type === 'float64') {
    const bytes = list.bytes.length === 1 ? list.bytes[0]! : Buffer.concat(list.bytes)
    if (bytes.length !== count * datatype.bytes) throw wrongLength(tensor, bytes.length / datatype.bytes)
    return fromRaw(tensor, bytes)
  }
  if (type === 'string') {
    if (list.bytes.length !== count) throw wrongLength(tensor, list.bytes.length)
    return { type, dims: shape, data: list.bytes.map((bytes, i) => decodeText(name, bytes, i)) }
  }
  if (list.values.length !== count) throw wrongLength(tensor, list.values.length)
  return { type, dims: shape, data: numbers(name, datatype, list.values) }
}

function wrongLength({ name, datatype, shape, count }: RawTensor, found: number) {
  const list = LISTS[datatype.type as 'bool'].name
  return tensorInvalid(name, `has ${found} values in ${list}; its shape [${shape.join(', ')}] holds ${count}`)
}

interface List {
  /** Of fixed width, or texts. */
  readonly bytes: Buffer[]
  /** Whole numbers, as they stand on the wire. */
  readonly values: bigint[]
}

function collect({ name, datatype }: RawTensor, contents: WireReader, field: number): List {
  const list: List = { bytes: [], values: [] }
  const fixed = datatype.type === 'float32' ? 4 : datatype.type === 'float64' ? 8 : undefined
  while (contents.next()) {
    if (contents.field !== field) {
      if (contents.field < 1 || contents.field > 8) {
        contents.skip()
        continue
      }
      const given = Object.values(LISTS).find((one) => one.field === contents.field)!.name
      throw tensorInvalid(
        name,
        `is ${datatype.name} and belongs in ${LISTS[datatype.type as 'bool'].name}, not ${given}`,
      )
    }
    if (datatype.type === 'string') list.bytes.push(contents.bytes())
    else if (fixed !== undefined) list.bytes.push(contents.type === BYTES ? contents.bytes() : contents.fixed(fixed))
    else if (contents.type !== BYTES) list.values.push(contents.bigint())
    else {
      const packed = contents.message()
      while (!packed.done) list.values.push(packed.bigint())
    }
  }
  return list
}

function numbers(name: string, { type, array, name: datatype }: Datatype, values: readonly bigint[]): TypedArray {
  const read = new array!(values.length)
  if (read instanceof BigInt64Array || read instanceof BigUint64Array) {
    for (let i = 0; i < values.length; i++) read[i] = values[i]!
    return read
  }
  const [min, max] = RANGE[type] ?? [0, 1]
  for (let i = 0; i < values.length; i++) {
    const value = Number(BigInt.asIntN(64, values[i]!))
    if (value < min || value > max)
      throw tensorInvalid(name, `has ${value} at element ${i}, which ${datatype} cannot hold`)
    read[i] = value
  }
  return read
}

/** None for FP16, which has no list. */
export function writeContents({ type, data }: Tensor): WireWriter | undefined {
  if (type === 'float16') return undefined
  const writer = new WireWriter()
  const { field } = LISTS[type]
  if (type === 'string') {
    for (const text of data as readonly string[]) writer.bytes(field, Buffer.from(text))
  } else if (type === 'float32' || type === 'float64') {
    const { buffer, byteOffset, byteLength } = data as Float32Array
    if (byteLength > 0) writer.bytes(field, new Uint8Array(buffer, byteOffset, byteLength))
  } else writer.ints(field, data as ArrayLike<number | bigint>)
  return writer
}
