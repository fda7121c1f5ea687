// Tensors as raw bytes: little-endian, row-major, no padding; BOOL a byte of 0 or 1; BYTES each element behind its length
// as uint32. Numbers are read where they lie when the place allows it, else copied once.
import type { Tensor } from '../tensors.ts'
import { type Datatype, datatypeOf, tensorInvalid } from './datatypes.ts'

export interface RawTensor {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  /** Elements of the shape. */
  readonly count: number
}

/**
 * The tensor in `bytes`, which must not change while it is used.
 *
 * @throws `invalid` TENSOR_INVALID when the bytes are not those of the shape.
 */
export function fromRaw({ name, datatype, shape, count }: RawTensor, bytes: Uint8Array): Tensor {
  const { type, array } = datatype
  if (array === undefined) return { type, dims: shape, data: readStrings(name, bytes, count) }
  const size = count * datatype.bytes
  if (bytes.byteLength !== size) {
    throw tensorInvalid(
      name,
      `has ${bytes.byteLength} bytes of data; ${size} belong to ${count} elements of ${datatype.name}`,
    )
  }
  if (type === 'bool') checkBooleans(name, bytes)
  const aligned = bytes.byteOffset % datatype.bytes === 0
  const { buffer, byteOffset } = aligned ? bytes : copyOf(bytes)
  return { type, dims: shape, data: new array(buffer, byteOffset, count) }
}

/** `slice` of a Buffer is a view, not a copy. */
function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.byteLength)
  copy.set(bytes)
  return copy
}

function checkBooleans(name: string, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! > 1) throw tensorInvalid(name, `has the byte ${bytes[i]} at element ${i}; BOOL is 0 or 1`)
  }
}

const LENGTH_BYTES = 4
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readStrings(name: string, bytes: Uint8Array, count: number): string[] {
  // Before any allocation: a shape can promise more elements than there are bytes.
  if (count * LENGTH_BYTES > bytes.byteLength) {
    throw tensorInvalid(name, `has ${bytes.byteLength} bytes of data, too few for ${count} elements of BYTES`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const strings = new Array<string>(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + LENGTH_BYTES > bytes.byteLength) throw tensorInvalid(name, `ends before element ${i} of ${count}`)
    const length = view.getUint32(at, true)
    at += LENGTH_BYTES
    if (at + length > bytes.byteLength) {
      throw tensorInvalid(name, `ends inside element ${i}, which is said to have ${length} bytes`)
    }
    strings[i] = decodeText(name, bytes.subarray(at, at + length), i)
    at += length
  }
  if (at !== bytes.byteLength) {
    throw tensorInvalid(name, `has ${bytes.byteLength - at} bytes after its ${count} elements`)
  }
  return strings
}

/** Models take text; bytes that are none would be changed silently on their way into it. */
export function decodeText(name: string, bytes: Uint8Array, index: number): string {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw tensorInvalid(name, `is not UTF-8 at element ${index}; models take text as BYTES, nothing else`)
  }
  checkText(name, text, index)
  return text
}

/**
 * The engine ends a text at its first U+0000, so a longer one would be cut silently; half a surrogate pair has no UTF-8 and would become
 * another character.
 *
 * @throws `invalid` TENSOR_INVALID
 */
export function checkText(name: string, text: string, index: number): void {
  if (text.includes('\0'))
    throw tensorInvalid(name, `has U+0000 at element ${index}, where the engine would cut it off`)
  if (!text.isWellFormed()) throw tensorInvalid(name, `has half a surrogate pair at element ${index}, which is no text`)
}

/** The bytes of a tensor; numbers without a copy. */
export function toRaw({ type, data }: Tensor): Uint8Array {
  if (datatypeOf(type).array !== undefined) {
    const { buffer, byteOffset, byteLength } = data as Uint8Array
    return new Uint8Array(buffer, byteOffset, byteLength)
  }
  const strings = data as readonly string[]
  let size = strings.length * LENGTH_BYTES
  for (const text of strings) size += Buffer.byteLength(text)
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (const text of strings) {
    const length = bytes.write(text, at + LENGTH_BYTES)
    bytes.writeUInt32LE(length, at)
    at += LENGTH_BYTES + length
  }
  return bytes
}
