import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FLOAT16_MAX, fromFloat16, toFloat16 } from '../../../core/float16.ts'
import { floatTensor, quantizeWeights, STEPS, transposed } from './weights.ts'

const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e30), max: Math.fround(1e30) })
const tensors = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }).chain((dims) => {
  const count = dims.reduce((a, b) => a * b)
  const data = fc.array(finite, { minLength: count, maxLength: count }).map((values) => Float32Array.from(values))
  return fc.record({ dims: fc.constant(dims), data, axis: fc.nat({ max: dims.length - 1 }) })
})

describe('quantizeWeights', () => {
  it('is never further off than half a step, and each channel has a step of its own', () => {
    fc.assert(
      fc.property(tensors, ({ dims, data, axis }) => {
        const { values, scales } = quantizeWeights({ dims, data }, axis)!
        expect(scales).toHaveLength(dims[axis]!)
        const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1)
        const largest = new Float64Array(scales.length)
        for (const [i, weight] of data.entries()) {
          const channel = Math.floor(i / inner) % scales.length
          largest[channel] = Math.max(largest[channel]!, Math.abs(weight))
          const step = scales[channel]!
          expect(Math.abs(values[i]! * step - weight)).toBeLessThanOrEqual(step * 0.5 * (1 + 1e-5) + 1e-43)
          expect(Math.abs(values[i]!)).toBeLessThanOrEqual(STEPS)
        }
        for (const [channel, size] of largest.entries()) {
          if (size > 1e-30) expect((scales[channel]! * STEPS) / size).toBeCloseTo(1, 5)
        }
      }),
    )
  })

  it('keeps zero as zero, and the largest weight of a channel as 127 steps', () => {
    const data = Float32Array.of(0, 0, -2, 10, 1, 0)
    const { values, scales } = quantizeWeights({ dims: [3, 2], data }, 0)!
    expect([...values]).toEqual([0, 0, -25, 127, 127, 0])
    expect([...scales].map((scale) => scale * STEPS)).toEqual([127, expect.closeTo(10), expect.closeTo(1)])
  })

  it('gives up on weights that are not finite', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(quantizeWeights({ dims: [2], data: Float32Array.of(1, value) }, 0)).toBeUndefined()
    }
  })
})

describe('transposed', () => {
  it('turns back to what it was', () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6)
    expect(transposed({ dims: [2, 3], data })).toEqual({ dims: [3, 2], data: Float32Array.of(1, 4, 2, 5, 3, 6) })
    expect(transposed(transposed({ dims: [2, 3], data }))).toEqual({ dims: [2, 3], data })
  })
})

describe('16-bit floats', () => {
  it('are what the engine makes of the same numbers', () => {
    const values = fc.oneof(
      fc.float(),
      fc.float({ min: -70_000, max: 70_000 }),
      fc.float({ min: Math.fround(-1e-4), max: Math.fround(1e-4) }),
    )
    const engine = new Float16Array(1)
    const bits = new Uint16Array(engine.buffer)
    fc.assert(
      fc.property(values, (value) => {
        engine[0] = value
        if (Number.isNaN(value)) expect(fromFloat16(toFloat16(value))).toBeNaN()
        else expect(toFloat16(value)).toBe(bits[0])
        expect(fromFloat16(bits[0]!)).toBe(engine[0])
      }),
      { numRuns: 2000 },
    )
  })

  it('survive a round trip, all of them', () => {
    for (let bits = 0; bits < 65_536; bits++) {
      const value = fromFloat16(bits)
      if (!Number.isNaN(value) && toFloat16(value) !== bits) throw new Error(`${bits} comes back as another`)
    }
    expect(fromFloat16(toFloat16(FLOAT16_MAX))).toBe(FLOAT16_MAX)
    expect(fromFloat16(toFloat16(FLOAT16_MAX + 16))).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('floatTensor', () => {
  it('refuses a tensor that does not fill its shape', () => {
    // float32 (field 2 = 1) with eight raw bytes (field 9)
    const tensor = Uint8Array.of(0x10, 1, 0x4a, 8, 0, 0, 128, 63, 0, 0, 0, 64)
    expect(floatTensor(tensor, [2])).toEqual({ dims: [2], data: Float32Array.of(1, 2) })
    expect(() => floatTensor(tensor, [3])).toThrow('holds 2')
    expect(floatTensor(Uint8Array.of(0x10, 7), [0])).toBeUndefined()
  })
})
