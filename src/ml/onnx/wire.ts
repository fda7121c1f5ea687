// A writer for the protobuf wire format (https://protobuf.dev/programming-guides/encoding/), as much of it as ONNX needs.
// Surprising: large blobs are kept by reference and copied once, at the end, so that a 100 MB model costs 200 MB, not 400.
import { fail } from '../../core/failure.ts'

/** Blobs from this size on are not copied into the message under construction. */
const KEEP_BY_REFERENCE = 8192
/** The format's own limit for one message. */
const MAX_BYTES = 0x7fffffff

const encoder = new TextEncoder()

/** One protobuf message under construction. Fields appear in the order they are written. */
export class Message {
  #parts: Uint8Array[] = []
  #tail = new Uint8Array(64)
  #used = 0
  #flushed = 0

  get size(): number {
    return this.#flushed + this.#used
  }

  /** An integer field; int64 and enums alike. Negative values take ten bytes, as the format wants. */
  int(field: number, value: number | bigint): void {
    this.#varint(field * 8)
    this.#varint(value)
  }

  /** A 32-bit float field. */
  float(field: number, value: number): void {
    this.#varint(field * 8 + 5)
    this.#reserve(4)
    new DataView(this.#tail.buffer).setFloat32(this.#used, value, true)
    this.#used += 4
  }

  /** A field of 4 or 8 bytes, as `fields` reads it. */
  fixed(field: number, value: bigint, bytes: 4 | 8): void {
    this.#varint(field * 8 + (bytes === 8 ? 1 : 5))
    this.#reserve(bytes)
    for (let i = 0; i < bytes; i++) this.#tail[this.#used++] = Number((value >> BigInt(8 * i)) & 255n)
  }

  string(field: number, value: string): void {
    this.bytes(field, encoder.encode(value))
  }

  /** The bytes must not change before `finish`. */
  bytes(field: number, value: Uint8Array): void {
    this.#varint(field * 8 + 2)
    this.#varint(value.length)
    this.#append(value)
  }

  message(field: number, value: Message): void {
    this.#varint(field * 8 + 2)
    this.#varint(value.size)
    for (const part of value.#all()) this.#append(part)
  }

  /** A packed repeated integer field; nothing is written for an empty list. */
  ints(field: number, values: ArrayLike<number | bigint>): void {
    if (values.length === 0) return
    const packed = new Message()
    for (let i = 0; i < values.length; i++) packed.#varint(values[i]!)
    this.message(field, packed)
  }

  /** A packed repeated 32-bit float field; nothing is written for an empty list. */
  floats(field: number, values: ArrayLike<number>): void {
    if (values.length > 0) this.bytes(field, littleEndian(Float32Array.from(values)))
  }

  /** The whole message, in one array. `too_large` above 2 GB, which no protobuf reader accepts. */
  finish(): Uint8Array {
    if (this.size > MAX_BYTES) {
      throw fail('too_large', 'ONNX_TOO_LARGE', `The model has ${this.size} bytes; the format allows ${MAX_BYTES}`)
    }
    const whole = new Uint8Array(this.size)
    let at = 0
    for (const part of this.#all()) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }

  *#all(): Iterable<Uint8Array> {
    yield* this.#parts
    yield this.#tail.subarray(0, this.#used)
  }

  #append(value: Uint8Array): void {
    if (value.length < KEEP_BY_REFERENCE) {
      this.#reserve(value.length)
      this.#tail.set(value, this.#used)
      this.#used += value.length
      return
    }
    if (this.#used > 0) this.#parts.push(this.#tail.slice(0, this.#used))
    this.#parts.push(value)
    this.#flushed += this.#used + value.length
    this.#used = 0
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#tail.length) return
    const grown = new Uint8Array(Math.max(this.#tail.length * 2, this.#used + bytes))
    grown.set(this.#tail.subarray(0, this.#used))
    this.#tail = grown
  }

  #varint(value: number | bigint): void {
    this.#reserve(10)
    if (typeof value === 'bigint' || value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value))
      for (; rest > 127n; rest >>= 7n) this.#tail[this.#used++] = Number(rest & 127n) | 128
      this.#tail[this.#used++] = Number(rest)
      return
    }
    let rest = value
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#tail[this.#used++] = (rest % 128) | 128
    this.#tail[this.#used++] = rest
  }
}

/** The numbers of a typed array as little-endian bytes: the array's own memory on every machine Node runs on but s390x. */
export function littleEndian(data: ArrayBufferView): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const width = 'BYTES_PER_ELEMENT' in data ? Number(data.BYTES_PER_ELEMENT) : 1
  if (width === 1 || HOST_IS_LITTLE_ENDIAN) return bytes
  const swapped = bytes.slice()
  for (let at = 0; at < swapped.length; at += width) swapped.subarray(at, at + width).reverse()
  return swapped
}

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
