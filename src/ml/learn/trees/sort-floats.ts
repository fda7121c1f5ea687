// Floats as whole numbers in the same order: sorting by digits takes a fraction of the time of comparing, and the first digits
// lead straight to a value's bin. Keys are kept as signed numbers, which the engine does not turn into doubles, but read as unsigned.
import { binOf } from './bounds.ts'

const SIGN = 0x80000000

/** The order of a float32 as an unsigned number; `bits` are its own. NaN comes last or first. */
function keyOf(bits: number): number {
  return bits ^ ((bits >> 31) | SIGN)
}

function bitsOf(key: number): number {
  return key ^ ((~key >> 31) | SIGN)
}

const bitsIn = ({ buffer, byteOffset, length }: Float32Array) => new Int32Array(buffer, byteOffset, length)

const DIGIT_BITS = 11
const DIGITS = 1 << DIGIT_BITS

/** Sorts in place, ascending, by three digits of 11 bits (LSD radix sort). No NaN. */
export function sortFloats(values: Float32Array): Float32Array {
  const bits = bitsIn(values)
  let from = new Int32Array(bits.length)
  let to = new Int32Array(bits.length)
  const [low, middle, high] = [new Int32Array(DIGITS), new Int32Array(DIGITS), new Int32Array(DIGITS)]
  for (let i = 0; i < from.length; i++) {
    const key = keyOf(bits[i]!)
    from[i] = key
    low[key & (DIGITS - 1)]!++
    middle[(key >>> DIGIT_BITS) & (DIGITS - 1)]!++
    high[key >>> (2 * DIGIT_BITS)]!++
  }
  for (const [digit, counts] of [low, middle, high].entries()) {
    distribute(from, to, { shift: digit * DIGIT_BITS, starts: startsOf(counts) })
    ;[from, to] = [to, from]
  }
  for (let i = 0; i < from.length; i++) bits[i] = bitsOf(from[i]!)
  return values
}

function startsOf(counts: Int32Array): Int32Array {
  for (let digit = 0, sum = 0; digit < DIGITS; digit++) {
    const own = counts[digit]!
    counts[digit] = sum
    sum += own
  }
  return counts
}

function distribute(
  from: Int32Array,
  to: Int32Array,
  { shift, starts }: { readonly shift: number; readonly starts: Int32Array },
): void {
  for (let i = 0; i < from.length; i++) {
    const key = from[i]!
    to[starts[(key >>> shift) & (DIGITS - 1)]!++] = key
  }
}

/** Buckets by the first 16 bits of a key: 128 to a factor of two, fine enough to hold one bound each, mostly. */
const BUCKET_SHIFT = 16
const BUCKETS = 1 << (32 - BUCKET_SHIFT)
/** Where more bounds lie in one bucket, as between 52.1 and 52.6, halving is faster. */
const MOST_STEPS = 6

/** The bin of every value, by ascending bounds; `missing` for NaN. */
export function placeFloats(
  values: Float32Array,
  bounds: Float32Array,
  { into, missing }: { into: Uint8Array; missing: number },
): void {
  const firstBin = new Uint8Array(BUCKETS)
  const boundBits = bitsIn(bounds)
  let steps = 1
  for (let bin = 0, last = -1, inOne = 0; bin <= bounds.length; bin++) {
    const bucket = bin < bounds.length ? keyOf(boundBits[bin]!) >>> BUCKET_SHIFT : BUCKETS - 1
    inOne = bucket === last ? inOne + 1 : 1
    steps = Math.max(steps, inOne)
    firstBin.fill(bin, last + 1, bucket + 1)
    last = bucket
  }
  const ends = new Float32Array(bounds.length + 1).fill(Number.POSITIVE_INFINITY)
  ends.set(bounds)
  if (steps > MOST_STEPS) for (let i = 0; i < values.length; i++) into[i] = binOf(bounds, values[i]!)
  else {
    placeByBucket(values, into, { firstBin, ends })
    for (let step = 1; step < steps; step++) placeFurther(values, into, ends)
  }
  if (missing < 0) return
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) into[i] = missing
}

interface Places {
  /** By bucket: the bin of its lowest values. */
  readonly firstBin: Uint8Array
  readonly ends: Float32Array
}

/** How a look at a bound ends no processor can guess, so nothing branches on it; nearly always one is enough. */
function placeByBucket(values: Float32Array, into: Uint8Array, { firstBin, ends }: Places): void {
  const bits = bitsIn(values)
  for (let i = 0; i < values.length; i++) {
    const bin = firstBin[keyOf(bits[i]!) >>> BUCKET_SHIFT]!
    into[i] = bin + (values[i]! > ends[bin]! ? 1 : 0)
  }
}

function placeFurther(values: Float32Array, into: Uint8Array, ends: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    const bin = into[i]!
    into[i] = bin + (values[i]! > ends[bin]! ? 1 : 0)
  }
}
