// Weights as whole numbers: symmetric around zero, one step size a channel, so that zero stays zero and no channel pays for
// the range of another. Method: Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference" (2018), 2.2.
import { type Field, fields, integer, malformed, payload } from '../scan.ts'
import { ELEMENT_TYPES } from '../types.ts'

/** -128 is left out: the range stays symmetric, and products of two extremes cannot saturate 16 bits. */
export const STEPS = 127

export interface FloatTensor {
  readonly dims: readonly number[]
  readonly data: Float32Array
}

export interface QuantizedWeights {
  readonly values: Int8Array
  /** Step of each channel: weight ≈ value × step. */
  readonly scales: Float32Array
}

/**
 * @param axis the dimension whose positions are channels
 * @returns undefined where a weight is not finite
 */
export function quantizeWeights({ dims, data }: FloatTensor, axis: number): QuantizedWeights | undefined {
  const channels = dims[axis]!
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  const largest = new Float64Array(channels)
  const channelOf = (i: number) => Math.floor(i / inner) % channels
  for (let i = 0; i < data.length; i++) {
    const size = Math.abs(data[i]!)
    if (!Number.isFinite(size)) return undefined
    const c = channelOf(i)
    if (size > largest[c]!) largest[c] = size
  }
  const scales = Float32Array.from(largest, (size) => Math.fround(size / STEPS) || 1)
  const values = new Int8Array(data.length)
  for (let i = 0; i < data.length; i++) {
    // The step was rounded to 32 bits: the largest weight may come out a hair above 127 of them.
    values[i] = Math.max(-STEPS, Math.min(STEPS, Math.round(data[i]! / scales[channelOf(i)]!)))
  }
  return { values, scales }
}

/** Rows × columns with the two exchanged. */
export function transposed({ dims, data }: FloatTensor): FloatTensor {
  const [rows = 0, columns = 0] = dims
  const turned = new Float32Array(data.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) turned[column * rows + row] = data[row * columns + column]!
  }
  return { dims: [columns, rows], data: turned }
}

/** The numbers of a stored float32 tensor; undefined for every other type. @throws `malformed` when it does not fill its shape. */
export function floatTensor(tensor: Uint8Array, dims: readonly number[]): FloatTensor | undefined {
  let type = 0
  let raw: Uint8Array | undefined
  const listed: Field[] = []
  for (const field of fields(tensor)) {
    if (field.number === 2) type = Number(integer(field))
    else if (field.number === 9) raw = payload(field)
    else if (field.number === 4) listed.push(field)
  }
  if (type !== ELEMENT_TYPES.float32) return undefined
  const data = raw ? floatsIn(raw) : joined(listed)
  const expected = dims.reduce((product, dim) => product * dim, 1)
  if (data.length !== expected) throw malformed(`a tensor of ${expected} numbers holds ${data.length}`)
  return { dims, data }
}

function floatsIn(bytes: Uint8Array): Float32Array {
  if (bytes.length % 4 !== 0) throw malformed('a tensor ends inside a number')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const data = new Float32Array(bytes.length / 4)
  for (let i = 0; i < data.length; i++) data[i] = view.getFloat32(i * 4, true)
  return data
}

function joined(listed: readonly Field[]): Float32Array {
  const parts = listed.map((field) => {
    if (field.wire === 2) return floatsIn(field.bytes)
    const one = new DataView(new ArrayBuffer(4))
    one.setUint32(0, Number(BigInt.asUintN(32, field.value)), true)
    return Float32Array.of(one.getFloat32(0, true))
  })
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    data.set(part, at)
    at += part.length
  }
  return data
}
