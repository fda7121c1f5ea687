// Tensors as JSON: row-major values, nested to their shape or flat. A number must be exactly what its datatype holds:
// nothing is rounded or wrapped around silently, except that FP32 takes the nearest value of any number.
import { fail } from '../../core/failure.ts'
import { type Datatype, tensorInvalid } from '../../core/oip/datatypes.ts'
import { checkText, type RawTensor } from '../../core/oip/raw.ts'
import type { Tensor, TypedArray } from '../../core/tensors.ts'

/** @throws `invalid` TENSOR_INVALID */
export function fromJson({ name, datatype, shape, count }: RawTensor, data: unknown): Tensor {
  if (!Array.isArray(data)) throw tensorInvalid(name, 'needs "data", a list of values, or "binary_data_size"')
  const flat: readonly unknown[] = Array.isArray(data[0]) ? flatten(name, data) : data
  if (flat.length !== count) {
    throw tensorInvalid(name, `has ${flat.length} values; its shape [${shape.join(', ')}] holds ${count}`)
  }
  return { type: datatype.type, dims: shape, data: READERS[datatype.type](name, flat, datatype) }
}

/** Level by level, so that depth costs no stack; every list of a level must have the same length. */
function flatten(name: string, nested: readonly unknown[]): unknown[] {
  let level: readonly unknown[] = nested
  while (Array.isArray(level[0])) {
    const { length } = level[0]
    const next: unknown[] = []
    for (const list of level) {
      if (!Array.isArray(list) || list.length !== length) throw tensorInvalid(name, 'is nested unevenly')
      for (const value of list) next.push(value)
    }
    level = next
  }
  return level as unknown[]
}

type Reader = (name: string, values: readonly unknown[], datatype: Datatype) => TypedArray | string[]

const READERS: Readonly<Record<Datatype['type'], Reader>> = {
  float32: floats,
  float64: floats,
  float16: (name) => {
    throw tensorInvalid(name, 'is FP16, which has no JSON form; send it as binary data')
  },
  int8: wholes(-128, 127),
  int16: wholes(-32_768, 32_767),
  int32: wholes(-(2 ** 31), 2 ** 31 - 1),
  uint8: wholes(0, 255),
  uint16: wholes(0, 65_535),
  uint32: wholes(0, 2 ** 32 - 1),
  int64: bigs(-(2n ** 63n), 2n ** 63n - 1n),
  uint64: bigs(0n, 2n ** 64n - 1n),
  bool: booleans,
  string: strings,
}

/** `null` is what a JSON writer makes of NaN, so it is read as NaN. */
function floats(name: string, values: readonly unknown[], { array }: Datatype): TypedArray {
  const read = new array!(values.length) as Float32Array | Float64Array
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value === 'number') read[i] = value
    else if (value === null) read[i] = Number.NaN
    else if (typeof value === 'bigint') read[i] = Number(value)
    else throw wrong(name, i, value, 'a number')
  }
  return read
}

function wholes(min: number, max: number): Reader {
  return (name, values, { name: datatype, array }) => {
    const read = new array!(values.length) as Int32Array
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
        throw wrong(name, i, value, `a whole number that ${datatype} holds`)
      }
      read[i] = value as number
    }
    return read
  }
}

/** Numbers beyond 2^53 arrive as BigInt: see `parseTensors`. */
function bigs(min: bigint, max: bigint): Reader {
  return (name, values, { name: datatype, array }) => {
    const read = new array!(values.length) as BigInt64Array
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      const big = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : undefined
      if (big === undefined || big < min || big > max)
        throw wrong(name, i, value, `a whole number that ${datatype} holds`)
      read[i] = big
    }
    return read
  }
}

function booleans(name: string, values: readonly unknown[]): TypedArray {
  const read = new Uint8Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value !== true && value !== false && value !== 0 && value !== 1) throw wrong(name, i, value, 'true or false')
    read[i] = Number(value)
  }
  return read
}

function strings(name: string, values: readonly unknown[]): string[] {
  for (let i = 0; i < values.length; i++) {
    const text = values[i]
    if (typeof text !== 'string') throw wrong(name, i, text, 'a string')
    checkText(name, text, i)
  }
  return values as string[]
}

const SHOWN_CHARACTERS = 40

function wrong(name: string, index: number, value: unknown, wanted: string) {
  const text = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'nothing')
  return tensorInvalid(name, `must hold ${wanted} at element ${index}, not ${text.slice(0, SHOWN_CHARACTERS)}`)
}

/** Whether a tensor has integers that `JSON.parse` has rounded. */
export function hasRounded(datatype: unknown, data: unknown): boolean {
  if ((datatype !== 'INT64' && datatype !== 'UINT64') || !Array.isArray(data)) return false
  const level: readonly unknown[] = Array.isArray(data[0]) ? data.flat(Number.POSITIVE_INFINITY) : data
  return level.some((value) => typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
}

/** The values as JSON text: NaN and the infinities, which JSON lacks, are null. @throws `invalid` for FP16. */
export function dataJson(name: string, { type, data }: Tensor): string {
  switch (type) {
    case 'string':
      return JSON.stringify(data)
    case 'float32':
    case 'float64':
      return floatsJson(data as Float64Array)
    case 'bool':
      return listJson(data as Uint8Array, (value) => (value === 0 ? 'false' : 'true'))
    case 'float16':
      throw fail('invalid', 'TENSOR_INVALID', `Output "${name}" is FP16, which has no JSON form; ask for binary_data`)
    default:
      return `[${data.join(',')}]`
  }
}

function floatsJson(values: Float64Array): string {
  let text = ''
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    text += i === 0 ? '' : ','
    text += Number.isFinite(value) ? value : 'null'
  }
  return `[${text}]`
}

function listJson(values: Uint8Array, write: (value: number) => string): string {
  let text = ''
  for (let i = 0; i < values.length; i++) text += (i === 0 ? '' : ',') + write(values[i]!)
  return `[${text}]`
}
