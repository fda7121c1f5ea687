import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Tensor } from '../tensors.ts'
import { classify } from './classification.ts'
import { checkedCount, DATATYPES, datatypeNamed, datatypeOf } from './datatypes.ts'
import { fromRaw, toRaw } from './raw.ts'

const read = (datatype: string, shape: number[], bytes: Uint8Array): Tensor =>
  fromRaw({ name: 'x', datatype: datatypeNamed(datatype, 'x'), shape, count: checkedCount('x', shape) }, bytes)

const numeric = [...DATATYPES.values()].filter(({ array }) => array !== undefined)

describe('raw tensors', () => {
  it('come back as they went, wherever they lie in a body', () => {
    fc.assert(
      fc.property(fc.constantFrom(...numeric), fc.nat(20), fc.nat(9), (datatype, count, offset) => {
        const body = new Uint8Array(offset + count * datatype.bytes).map((_, i) =>
          datatype.name === 'BOOL' ? i % 2 : i,
        )
        const bytes = body.subarray(offset)
        const tensor = read(datatype.name, [count], bytes)
        expect(tensor.data).toHaveLength(count)
        expect([...toRaw(tensor)]).toEqual([...bytes])
      }),
    )
  })

  it('of text come back as they went', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0') && value.isWellFormed())
    fc.assert(
      fc.property(fc.array(text), (data) => {
        const tensor: Tensor = { type: 'string', dims: [data.length], data }
        expect(read('BYTES', [data.length], toRaw(tensor))).toEqual(tensor)
      }),
    )
  })

  it.each([
    ['too short', 'FP32', [2], new Uint8Array(7), 'has 7 bytes of data; 8 belong to 2 elements of FP32'],
    ['too long', 'INT8', [2], new Uint8Array(3), 'has 3 bytes of data; 2 belong'],
    [
      'a text cut off',
      'BYTES',
      [1],
      Uint8Array.of(5, 0, 0, 0, 65),
      'ends inside element 0, which is said to have 5 bytes',
    ],
    ['a length cut off', 'BYTES', [2], Uint8Array.of(0, 0, 0, 0, 1), 'too few for 2 elements'],
    ['a length of 4 GB', 'BYTES', [1], new Uint8Array(4).fill(255), '4294967295 bytes'],
    ['more than its texts', 'BYTES', [1], new Uint8Array(6), 'has 2 bytes after its 1 elements'],
    ['no text', 'BYTES', [1], Uint8Array.of(1, 0, 0, 0, 255), 'is not UTF-8'],
    ['a text the engine would cut', 'BYTES', [1], Uint8Array.of(1, 0, 0, 0, 0), 'U+0000'],
    ['no boolean', 'BOOL', [1], Uint8Array.of(2), 'BOOL is 0 or 1'],
    ['promised by a shape alone', 'BYTES', [2 ** 30], new Uint8Array(4), 'too few for 1073741824 elements'],
  ])('that are %s are refused', (_what, datatype, shape, bytes, message) => {
    expect(() => read(datatype, shape, bytes)).toThrow(message)
  })
})

describe('a shape', () => {
  it.each([[[-1]], [[1.5]], [['3']], [[null]], [[2 ** 53]], [[2 ** 16, 2 ** 16]], [new Array(40).fill(1)]])(
    '%j is refused',
    (shape) => {
      expect(() => checkedCount('x', shape)).toThrow(
        expect.objectContaining({ kind: 'invalid', code: 'TENSOR_INVALID' }),
      )
    },
  )

  it('with a 0 has no elements, however large the rest, which the engine must be able to hold', () => {
    const largest = 2 ** 31 - 1
    expect(checkedCount('x', [0, largest, largest])).toBe(0)
    expect(() => checkedCount('x', [0, 1, largest + 1])).toThrow(`a dimension is at most ${largest}`)
  })
})

describe('a datatype', () => {
  it.each(['BF16', 'FP8', 'fp32', '', 7, null])('%j is refused with what there is', (name) => {
    expect(() => datatypeNamed(name, 'x')).toThrow(expect.objectContaining({ code: 'TENSOR_INVALID' }))
  })

  it('is known for every tensor', () => {
    for (const { type, name } of DATATYPES.values()) expect(datatypeOf(type).name).toBe(name)
  })
})

describe('classification', () => {
  it('answers values that never rise, each at the index it names', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 30 }),
        (values, k) => {
          const data = Float32Array.from(values)
          const tensor: Tensor = { type: 'float32', dims: [1, data.length], data }
          const found = classify({ name: 'y', tensor, labels: undefined }, k)
          expect(found.dims).toEqual([1, Math.min(k, data.length)])
          const picked = (found.data as string[]).map((text) => data[Number(text.split(':')[1])]!)
          expect(picked).toEqual([...data].sort((a, b) => b - a).slice(0, k))
        },
      ),
    )
  })

  it('puts NaN last', () => {
    const tensor: Tensor = { type: 'float64', dims: [3], data: Float64Array.of(Number.NaN, 1, 2) }
    expect(classify({ name: 'y', tensor, labels: ['a', 'b', 'c'] }, 3).data).toEqual([
      '2.000000:2:c',
      '1.000000:1:b',
      'nan:0:a',
    ])
  })
})
