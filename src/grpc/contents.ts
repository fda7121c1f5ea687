// InferTensorContents: tensors as typed lists of protobuf. Slower than raw bytes, and there for clients that have nothing
// else. FP16 has no list of its own, so it travels raw alone.
import { tensorInvalid } from '../core/oip/datatypes.ts'
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
  const list = new List(tensor, contents?.left ?? 0)
  if (contents) collect(tensor, contents, list)
  if (type === 'float32' || type === 'float64') {
    const bytes = list.bytes.length === 1 ? list.bytes[0]! : Buffer.concat(list.bytes)
    if (bytes.length !== count * datatype.bytes) throw wrongLength(tensor, bytes.length / datatype.bytes)
    return fromRaw(tensor, bytes)
  }
  if (type === 'string') {
    if (list.bytes.length !== count) throw wrongLength(tensor, list.bytes.length)
    return { type, dims: shape, data: list.bytes.map((bytes, i) => decodeText(name, bytes, i)) }
  }
  if (list.whole !== count) throw wrongLength(tensor, list.whole)
  return { type, dims: shape, data: list.numbers! }
}

function wrongLength({ name, datatype, shape, count }: RawTensor, found: number) {
  const list = LISTS[datatype.type as 'bool'].name
  return tensorInvalid(name, `has ${found} values in ${list}; its shape [${shape.join(', ')}] holds ${count}`)
}

class List {
  /** Of fixed width, or texts. */
  readonly bytes: Buffer[] = []
  /** Whole numbers; undefined for other types. What the shape has no room for is counted only. */
  readonly numbers: TypedArray | undefined
  whole = 0
  readonly #tensor: RawTensor
  /** The memory of numbers of 64 bits, which need no BigInt on their way. */
  readonly #halves: Uint32Array | undefined
  readonly #range: readonly [number, number]

  /** @param bytes of all the contents: a number takes one at least. */
  constructor(tensor: RawTensor, bytes: number) {
    const { type, array } = tensor.datatype
    this.#tensor = tensor
    this.#range = RANGE[type] ?? [0, 1]
    if (type !== 'string' && type !== 'float32' && type !== 'float64')
      this.numbers = new array!(Math.min(tensor.count, bytes))
    const { numbers } = this
    if (numbers instanceof BigInt64Array || numbers instanceof BigUint64Array)
      this.#halves = new Uint32Array(numbers.buffer)
  }

  /** The next number, straight to its place: a list of numbers as objects would take many times the memory of the message. */
  add(from: WireReader): void {
    const at = this.whole++
    const { numbers } = this
    if (this.#halves !== undefined && at < numbers!.length) {
      from.halves(this.#halves, 2 * at)
      return
    }
    const number = from.int()
    if (numbers === undefined || at >= numbers.length) return
    const [min, max] = this.#range
    const { name, datatype } = this.#tensor
    if (number < min || number > max)
      throw tensorInvalid(name, `has ${number} at element ${at}, which ${datatype.name} cannot hold`)
    numbers[at] = number
  }
}

function collect({ name, datatype }: RawTensor, contents: WireReader, list: List): void {
  const { field } = LISTS[datatype.type as 'bool']
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
    else if (contents.type !== BYTES) list.add(contents)
    else {
      const packed = contents.message()
      while (!packed.done) list.add(packed)
    }
  }
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
