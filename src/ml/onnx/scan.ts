// A reader for the protobuf wire format that trusts nothing: every length is checked against what is left, so each byte
// is visited a bounded number of times and hostile input ends in a `malformed` failure, never in a hang or a huge array.
import { fail, type MlError } from '../../core/failure.ts'

/** One field as found: `value` for varints and fixed numbers, `bytes` for anything with a length. */
export interface Field {
  readonly number: number
  readonly wire: 0 | 1 | 2 | 5
  readonly value: bigint
  readonly bytes: Uint8Array
}

export const malformed = (what: string): MlError =>
  fail('malformed', 'ONNX_MALFORMED', `Not a readable ONNX file: ${what}`)

const NONE = new Uint8Array(0)
/** A name may begin with U+FEFF, which a decoder would otherwise take for a mark of the encoding. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The fields of one message, in file order. Groups (wire types 3 and 4) do not occur in ONNX and are refused. */
export function* fields(message: Uint8Array): Generator<Field> {
  let at = 0
  const varint = (): bigint => {
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = next()
      low |= (byte & 127) << shift
      if (byte < 128) return BigInt(low)
    }
    let value = BigInt(low)
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = next()
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
    }
    throw malformed('a number is longer than ten bytes')
  }
  const next = (): number => {
    const byte = message[at++]
    if (byte === undefined) throw malformed('it ends inside a field')
    return byte
  }
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) throw malformed('a field is longer than what is left of the file')
    at += length
    return message.subarray(at - length, at)
  }
  while (at < message.length) {
    const tag = Number(varint())
    const wire = tag % 8
    const number = Math.floor(tag / 8)
    if (number === 0 || number > 0x1fffffff) throw malformed(`field number ${number} does not exist`)
    if (wire === 0) yield { number, wire, value: varint(), bytes: NONE }
    else if (wire === 1) yield { number, wire, value: little(take(8)), bytes: NONE }
    else if (wire === 5) yield { number, wire, value: little(take(4)), bytes: NONE }
    else if (wire === 2) yield { number, wire, value: 0n, bytes: take(Number(varint())) }
    else throw malformed(`wire type ${wire} is not used by ONNX`)
  }
}

function little(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!)
  return value
}

export function text(field: Field): string {
  try {
    return decoder.decode(payload(field))
  } catch {
    throw malformed('a name is not valid UTF-8')
  }
}

/** The nested message or bytes of a field; `malformed` where a number stands instead. */
export function payload(field: Field): Uint8Array {
  if (field.wire !== 2) throw malformed(`field ${field.number} should hold a message`)
  return field.bytes
}

export function integer(field: Field): bigint {
  if (field.wire !== 0) throw malformed(`field ${field.number} should hold a number`)
  return BigInt.asIntN(64, field.value)
}

/** The numbers of a repeated integer field, packed or not: to be asked of every occurrence. */
export function* eachInteger(field: Field): Generator<bigint> {
  if (field.wire === 0) {
    yield integer(field)
    return
  }
  let value = 0n
  let shift = 0n
  for (const byte of payload(field)) {
    // Without this a number could be as long as the file, and reading it would take the square of that.
    if (shift > 63n) throw malformed('a number is longer than ten bytes')
    value |= BigInt(byte & 127) << shift
    shift += 7n
    if (byte < 128) {
      yield BigInt.asIntN(64, value)
      value = 0n
      shift = 0n
    }
  }
  if (shift > 0n) throw malformed('a list ends inside a number')
}

/** The same, at most `limit` of them in all. */
export function integers(field: Field, into: bigint[], limit: number): void {
  for (const value of eachInteger(field)) {
    if (into.length === limit) throw malformed(`a list has more than ${limit} numbers`)
    into.push(value)
  }
}
