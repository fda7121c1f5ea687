// 16-bit floats (IEEE 754 binary16) as their bits: rounding to the nearest, ties to even. Node 24 has Float16Array, but the
// oldest version this package runs on (22.15) has not.

const words = new Uint32Array(1)
const floats = new Float32Array(words.buffer)

/** Largest magnitude that does not become infinite. */
export const FLOAT16_MAX = 65504

export function toFloat16(value: number): number {
  floats[0] = value
  const bits = words[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) return sign | subnormal(magnitude)
  // The exponent moves from a bias of 127 to one of 15; 13 bits of the fraction go.
  return sign | roundShift(magnitude - 0x38000000, 13)
}

function subnormal(magnitude: number): number {
  const exponent = magnitude >>> 23
  if (exponent < 102) return 0
  return roundShift((magnitude & 0x7fffff) | 0x800000, 126 - exponent)
}

function roundShift(value: number, bits: number): number {
  const half = 1 << (bits - 1)
  const odd = (value >>> bits) & 1
  return (value + half - 1 + odd) >>> bits
}

export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}
