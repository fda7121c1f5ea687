// Floats as whole numbers in the same order: sorting by digits takes a fraction of the time of comparing, and the first digits
// lead straight to a value's bin.

const SIGN = 0x80000000

/** The order of a float32 as an unsigned number; `bits` are its own. NaN comes last or first. */
function keyOf(bits: number): number {
  return (bits & SIGN ? ~bits : bits ^ SIGN) >>> 0
}

function bitsOf(key: number): number {
  return key & SIGN ? key ^ SIGN : ~key
}

const DIGIT_BITS = 11
const DIGITS = 1 << DIGIT_BITS

/** Sorts in place, ascending, by three digits of 11 bits (LSD radix sort). No NaN. */
export function sortFloats(values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  let from = Uint32Array.from(bits)
  let to = new Uint32Array(bits.length)
  for (let i = 0; i < from.length; i++) from[i] = keyOf(from[i]!)
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    const starts = new Uint32Array(DIGITS + 1)
    for (let i = 0; i < from.length; i++) starts[((from[i]! >>> shift) & (DIGITS - 1)) + 1]!++
    for (let digit = 0; digit < DIGITS; digit++) starts[digit + 1]! += starts[digit]!
    for (let i = 0; i < from.length; i++) to[starts[(from[i]! >>> shift) & (DIGITS - 1)]!++] = from[i]!
    ;[from, to] = [to, from]
  }
  for (let i = 0; i < from.length; i++) bits[i] = bitsOf(from[i]!)
  return values
}

/** Buckets by the first 16 bits of a key: 128 to a factor of two, fine enough to hold one bound each, mostly. */
const BUCKET_SHIFT = 16
const BUCKETS = 1 << (32 - BUCKET_SHIFT)

/** The bin of every value, by ascending bounds; `missing` for NaN. */
export function placeFloats(
  values: Float32Array,
  bounds: Float32Array,
  { into, missing }: { into: Uint8Array; missing: number },
): void {
  const firstBin = new Uint8Array(BUCKETS)
  const boundBits = new Uint32Array(bounds.buffer, bounds.byteOffset, bounds.length)
  for (let bin = 0, last = -1; bin <= bounds.length; bin++) {
    const bucket = bin < bounds.length ? keyOf(boundBits[bin]!) >>> BUCKET_SHIFT : BUCKETS - 1
    firstBin.fill(bin, last + 1, bucket + 1)
    last = bucket
  }
  const ends = new Float32Array(bounds.length + 1).fill(Number.POSITIVE_INFINITY)
  ends.set(bounds)
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    let bin = firstBin[keyOf(bits[i]!) >>> BUCKET_SHIFT]!
    while (value > ends[bin]!) bin++
    into[i] = Number.isNaN(value) ? missing : bin
  }
}
