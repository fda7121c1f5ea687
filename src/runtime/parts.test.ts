// The parts that need no worker: packets, checks of feeds, and the engine's sentences.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadFailure, reasonOf, runFailure } from './engine-failure.ts'
import { fetchIndices, orderFeeds } from './feeds.ts'
import { openArea, packetBytes, packetOf, readTensors, writeTensors } from './packet.ts'
import { Row, type RowCell, tensorsOf } from './row.ts'
import { ARRAY_CLASS, type NumericType } from './tensors.ts'
import type { ModelInfo, Tensor } from './types.ts'

const numericTensor = fc
  .tuple(
    fc.constantFrom(...(Object.keys(ARRAY_CLASS) as NumericType[])),
    fc.nat(40),
    fc.uint8Array({ maxLength: 320, minLength: 320 }),
  )
  .map(([type, count, bytes]): Tensor => {
    const data = new ARRAY_CLASS[type](bytes.slice().buffer, 0, count)
    return { type, dims: [1, count], data }
  })
const stringTensor = fc
  .array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 10 })
  .map((data): Tensor => ({ type: 'string', dims: [data.length], data }))
const tensors = fc.array(fc.oneof(numericTensor, stringTensor), { maxLength: 6 })

const inputOfColumns = fc.record({
  type: fc.constantFrom('float64', 'float32', 'int64', 'uint8', 'string' as const),
  dims: fc.constantFrom([null], [null, 1], [null, 3]),
})

function cellOf(type: Tensor['type']): fc.Arbitrary<RowCell> {
  if (type === 'string') return fc.string({ unit: 'grapheme', maxLength: 60 })
  if (type === 'int64') return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  return type === 'uint8' ? fc.nat(255) : fc.double()
}

describe('a packet', () => {
  it('that says more than its area can hold is refused before anything is made for it', () => {
    const area = openArea(new SharedArrayBuffer(64))
    const read = (type: Tensor['type'], ...words: number[]) => {
      area.ints.set(words)
      const infos = [{ name: 'y', type, dims: [null] }]
      return () => readTensors(area, 0, { infos, values: 'copy' })
    }
    for (const type of ['float32', 'string'] as const) {
      expect(read(type, 1, 2, 16, 2)).not.toThrow()
      for (const words of [[1000], [-1], [1, 2, 16, 1000], [1, 2, 16, -1], [1, 2, 2 ** 20, 2], [1, 2, -8, 2]]) {
        expect(read(type, ...words)).toThrow('cannot be read')
      }
    }
    expect(read('string', 1, 1, 16, 1, 1000)).toThrow('cannot be read')
  })

  it('gives back what was put in, within the bytes it asked for', () => {
    fc.assert(
      fc.property(tensors, fc.nat(5), (tensors, at) => {
        const area = openArea(new SharedArrayBuffer(packetBytes(at, [tensors])))
        writeTensors(area, at, [tensors])
        const infos = tensors.map(({ type }, i) => ({ name: `${i}`, type, dims: [] }))
        expect(readTensors(area, at, { infos, values: 'copy' })).toEqual(tensors)
        expect(readTensors(area, at, { infos, values: 'view' })).toEqual(tensors)
      }),
    )
  })

  it('of several rows is the packet of their tensors, as rows and mixed with requests of tensors', () => {
    fc.assert(
      fc.property(
        fc.array(inputOfColumns, { minLength: 1, maxLength: 5 }).chain((inputs) => {
          const cells = fc.tuple(
            ...inputs.flatMap(({ type, dims }) => Array.from({ length: dims[1] ?? 1 }, () => cellOf(type))),
          )
          const infos = inputs.map(({ type, dims }, i) => ({ name: `c${i}`, type, dims }))
          return fc.array(
            cells.map((cells) => new Row(infos, cells)),
            { minLength: 1, maxLength: 40 },
          )
        }),
        fc.nat(5),
        fc.nat(40),
        (rows, at, mixedAt) => {
          const infos = rows[0]!.inputs
          const packed = (feeds: Parameters<typeof packetOf>[0]) => {
            const packet = packetOf(feeds)
            const area = openArea(new SharedArrayBuffer(packet.bytes(at)))
            packet.write(area, at)
            return readTensors(area, at, { infos, values: 'copy' })
          }
          const asTensors = packed(rows.map(tensorsOf))
          expect(packed(rows)).toEqual(asTensors)
          expect(packed(rows.map((row, i) => (i === mixedAt ? tensorsOf(row) : row)))).toEqual(asTensors)
          infos.forEach(({ dims }, i) => {
            const width = dims[1] ?? 1
            expect(asTensors[i]!.dims).toEqual(dims.length === 1 ? [rows.length] : [rows.length, width])
            const own = rows.flatMap((row) => [...tensorsOf(row)[i]!.data])
            expect([...asTensors[i]!.data]).toEqual(own)
          })
        },
      ),
    )
  })

  it('gives copies that outlive it', () => {
    const area = openArea(new SharedArrayBuffer(64))
    writeTensors(area, 0, [[{ type: 'float32', dims: [1], data: Float32Array.of(7) }]])
    const infos = [{ name: 'x', type: 'float32', dims: [1] }] as const
    const [copy] = readTensors(area, 0, { infos, values: 'copy' })
    new Uint8Array(area.buffer).fill(0)
    expect([...copy!.data]).toEqual([7])
  })
})

describe('feeds', () => {
  const info: ModelInfo = {
    inputs: [
      { name: 'a', type: 'float32', dims: [null, 2] },
      { name: 'b', type: 'string', dims: [] },
    ],
    outputs: [{ name: 'y', type: 'float32', dims: [] }],
    otherOutputs: ['map'],
    loadMs: 0,
    bytes: 0,
    provider: 'cpu',
    perRow: false,
  }
  const b = { type: 'string', dims: [3], data: ['x', 'y', 'z'] } as const

  it('come in the order of the inputs', () => {
    const a = { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) } as const
    expect(orderFeeds(info, { b, a })).toEqual([a, b])
  })

  it.each([
    ['must be float32, not float64', { type: 'float64', dims: [1, 2], data: Float64Array.of(1, 2) }],
    ['must have the shape [?, 2], not [2]', { type: 'float32', dims: [2], data: Float32Array.of(1, 2) }],
    ['must have the shape [?, 2], not [2, 1]', { type: 'float32', dims: [2, 1], data: Float32Array.of(1, 2) }],
    ['has the dimension -1 at axis 0', { type: 'float32', dims: [-1, 2], data: Float32Array.of(1, 2) }],
    ['has 3 values for the shape [1, 2]', { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2, 3) }],
    ['must hold its values in a Float32Array', { type: 'float32', dims: [1, 2], data: Float64Array.of(1, 2) }],
  ] as const)('are refused: "%s"', (message, a) => {
    expect(() => orderFeeds(info, { a, b })).toThrow(
      expect.objectContaining({ kind: 'invalid', details: { errors: [{ field: 'a', message }] } }),
    )
  })

  it('are refused when a string is none', () => {
    const a = { type: 'float32', dims: [0, 2], data: new Float32Array(0) } as const
    const wrong = { type: 'string', dims: [1], data: [1] } as unknown as Tensor
    expect(() => orderFeeds(info, { a, b: wrong })).toThrow(/b: must hold strings/)
  })

  it('cannot ask for an output that is no tensor', () => {
    expect(() => fetchIndices(info, ['map'])).toThrow(/map: is not a tensor/)
    expect(() => fetchIndices(info, [])).toThrow(/there are y/)
  })
})

describe("the engine's sentences", () => {
  it('lose their source files', () => {
    const raw =
      'Exception during initialization: /onnxruntime_src/onnxruntime/core/providers/cpu/text/string_normalizer.cc:235 ' +
      'onnxruntime::StringNormalizer::Locale::Locale(const std::string&)::<lambda()> Failed to construct locale with name:xx\n'
    expect(reasonOf(new Error(raw))).toBe('Failed to construct locale with name:xx')
  })

  it('tell the caller’s fault from a lack of memory', () => {
    expect(runFailure(new Error('Got invalid dimensions'))).toMatchObject({ kind: 'invalid', code: 'MODEL_RUN_FAILED' })
    expect(runFailure(new Error('std::bad_alloc'))).toMatchObject({ kind: 'unavailable', code: 'OUT_OF_MEMORY' })
    expect(loadFailure(new Error('x'))).toMatchObject({ kind: 'invalid', code: 'MODEL_NOT_LOADABLE' })
  })
})
