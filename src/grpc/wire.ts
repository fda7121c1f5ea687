// Protobuf's wire format, as far as inference messages need it. Written by hand for the one hot call: tensors are read where
// they lie in the message and written without objects in between, which a general library does not do.
import { fail } from '../core/failure.ts'

const VARINT = 0
const FIXED64 = 1
export const BYTES = 2
const FIXED32 = 5

const TWO_32 = 2 ** 32

/** Reads the fields of one message; every reader throws `malformed` GRPC_MESSAGE_MALFORMED where the bytes end too early. */
export class WireReader {
  readonly #bytes: Buffer
  #at = 0
  /** Of the number read last, as two unsigned halves: a pair of them would be made for every element of a list. */
  #low = 0
  #high = 0
  /** Of the field that `next` found. */
  field = 0
  type = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Moves to the next field; false at the end. */
  next(): boolean {
    if (this.#at >= this.#bytes.length) return false
    const tag = this.uint()
    this.field = Math.floor(tag / 8)
    this.type = tag % 8
    if (this.field === 0) throw broken()
    return true
  }

  /** Up to 2^53 exactly. */
  uint(): number {
    this.#halves()
    return this.#high * TWO_32 + this.#low
  }

  /** A signed 64-bit number, up to ±2^53 exactly. */
  int(): number {
    this.#halves()
    return (this.#high | 0) * TWO_32 + this.#low
  }

  /** All 64 bits, into two elements of `to` from `at` on, the lower ones first. */
  halves(to: Uint32Array, at: number): void {
    this.#halves()
    to[at] = this.#low
    to[at + 1] = this.#high
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const length = this.uint()
    return this.#take(length)
  }

  text(): string {
    return this.bytes().toString('utf8')
  }

  message(): WireReader {
    return new WireReader(this.bytes())
  }

  double(): number {
    return this.#take(8).readDoubleLE(0)
  }

  /** The bytes of a field of fixed width. */
  fixed(width: 4 | 8): Buffer {
    return this.#take(width)
  }

  skip(): void {
    if (this.type === VARINT) this.#halves()
    else if (this.type === FIXED64) this.#take(8)
    else if (this.type === BYTES) this.bytes()
    else if (this.type === FIXED32) this.#take(4)
    else throw broken()
  }

  /** Bytes that are not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw broken()
    const part = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return part
  }

  /** A varint, into two unsigned halves of 32 bits. */
  #halves(): void {
    const bytes = this.#bytes
    const first = bytes[this.#at]
    if (first !== undefined && first < 0x80) {
      this.#at++
      this.#low = first
      this.#high = 0
      return
    }
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[this.#at++]
      if (byte === undefined) throw broken()
      const bits = byte & 0x7f
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high = bits >>> 4
      } else high |= bits << (shift - 32)
      if (byte < 0x80) {
        this.#low = low >>> 0
        this.#high = high >>> 0
        return
      }
    }
    throw broken()
  }
}

function broken() {
  return fail('malformed', 'GRPC_MESSAGE_MALFORMED', 'The message is not valid protobuf')
}

/** Writes one message; large bytes are kept by reference until `finish`. */
export class WireWriter {
  #parts: Uint8Array[] = []
  #current = Buffer.allocUnsafe(256)
  #at = 0
  #size = 0

  /** Length in bytes so far. */
  get size(): number {
    return this.#size + this.#at
  }

  uint(field: number, value: number): this {
    this.#varint(field * 8 + VARINT)
    this.#varint(value)
    return this
  }

  /** Left out where it is empty, as proto3 does. */
  text(field: number, value: string): this {
    if (value === '') return this
    const length = Buffer.byteLength(value)
    this.#varint(field * 8 + BYTES)
    this.#varint(length)
    this.#room(length)
    this.#at += this.#current.write(value, this.#at)
    return this
  }

  bytes(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + BYTES)
    this.#varint(value.byteLength)
    return this.#append(value)
  }

  message(field: number, value: WireWriter): this {
    this.#varint(field * 8 + BYTES)
    this.#varint(value.size)
    for (const part of value.parts()) this.#append(part)
    return this
  }

  /** Signed numbers, packed. */
  ints(field: number, values: ArrayLike<number | bigint>): this {
    const packed = new WireWriter()
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!
      if (typeof value === 'number' && value >= 0) packed.#varint(value)
      else packed.#big(BigInt.asUintN(64, BigInt(value)))
    }
    return values.length === 0 ? this : this.message(field, packed)
  }

  parts(): readonly Uint8Array[] {
    this.#close()
    return this.#parts
  }

  finish(): Buffer {
    const parts = this.parts()
    const only = parts[0]
    return parts.length === 1 && Buffer.isBuffer(only) ? only : Buffer.concat(parts)
  }

  #append(value: Uint8Array): this {
    if (value.byteLength > SMALL) {
      this.#close()
      this.#parts.push(value)
      this.#size += value.byteLength
      return this
    }
    this.#room(value.byteLength)
    this.#current.set(value, this.#at)
    this.#at += value.byteLength
    return this
  }

  #close(): void {
    if (this.#at === 0) return
    this.#parts.push(this.#current.subarray(0, this.#at))
    this.#size += this.#at
    this.#current = this.#current.subarray(this.#at)
    this.#at = 0
  }

  #room(length: number): void {
    if (this.#at + length <= this.#current.length) return
    this.#close()
    this.#current = Buffer.allocUnsafe(Math.max(1024, length))
  }

  #varint(value: number): void {
    this.#room(MAX_VARINT)
    let rest = value
    while (rest >= 0x80) {
      this.#current[this.#at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#current[this.#at++] = rest
  }

  #big(value: bigint): void {
    this.#room(MAX_VARINT)
    let rest = value
    while (rest >= 0x80n) {
      this.#current[this.#at++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#current[this.#at++] = Number(rest)
  }
}

const MAX_VARINT = 10
/** Up to here a copy is cheaper than one more part. */
const SMALL = 512
