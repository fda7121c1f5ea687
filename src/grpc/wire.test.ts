import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WireReader, WireWriter } from './wire.ts'

describe('the wire format', () => {
  it('gives back what was written, large bytes included', () => {
    const field = fc.oneof(
      fc.record({ kind: fc.constant('uint' as const), value: fc.maxSafeNat() }),
      fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'grapheme', minLength: 1 }) }),
      fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 2000 }) }),
      fc.record({ kind: fc.constant('ints' as const), value: fc.array(fc.integer(), { minLength: 1 }) }),
    )
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const writer = new WireWriter()
        for (const { kind, value } of fields) {
          if (kind === 'uint') writer.uint(1, value)
          else if (kind === 'text') writer.text(2, value)
          else if (kind === 'bytes') writer.bytes(3, value)
          else writer.ints(4, value)
        }
        const reader = new WireReader(new WireWriter().message(9, writer).finish())
        expect(reader.next()).toBe(true)
        const inner = reader.message()
        for (const { kind, value } of fields) {
          expect(inner.next()).toBe(true)
          if (kind === 'uint') expect(inner.uint()).toBe(value)
          else if (kind === 'text') expect(inner.text()).toBe(value)
          else if (kind === 'bytes') expect([...inner.bytes()]).toEqual([...value])
          else {
            const packed = inner.message()
            const found: number[] = []
            while (!packed.done) found.push(packed.int())
            expect(found).toEqual(value)
          }
        }
        expect(inner.next()).toBe(false)
      }),
    )
  })

  it('reads 64 bits exactly', () => {
    for (const value of [2n ** 63n - 1n, -(2n ** 63n), -1n, 2n ** 53n + 1n, 0n, 2n ** 32n]) {
      const reader = new WireReader(new WireWriter().ints(1, [value]).finish())
      reader.next()
      const read = new BigInt64Array(1)
      reader.message().halves(new Uint32Array(read.buffer), 0)
      expect(read[0]).toBe(value)
    }
  })

  it('never reads past the end, whatever the bytes', () => {
    const walk = (reader: WireReader) => {
      while (reader.next()) reader.skip()
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          walk(new WireReader(Buffer.from(bytes)))
        } catch (error) {
          expect(error).toMatchObject({ kind: 'malformed', code: 'GRPC_MESSAGE_MALFORMED' })
        }
      }),
    )
  })
})
