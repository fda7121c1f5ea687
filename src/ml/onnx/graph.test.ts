import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from './graph.ts'
import { inspectModel } from './inspect.ts'
import { Message } from './wire.ts'

function affine(): GraphBuilder {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', 2])
  const w = graph.constant('w', { type: 'float32', dims: [2, 1], data: Float32Array.of(2, -3) })
  const b = graph.constant('b', { type: 'float32', dims: [1], data: Float32Array.of(0.5) })
  const product = graph.node('MatMul', [x, w])
  graph.output('y', graph.node('Add', [product, b]), 'float32', ['N', 1])
  return graph
}

/** Every element type as a constant, each made an output of its own. */
const CONSTANTS = [
  { type: 'float32', dims: [2], data: Float32Array.of(1.5, -0) },
  { type: 'float64', dims: [1, 2], data: Float64Array.of(Math.PI, Number.NaN) },
  { type: 'int64', dims: [3], data: [1, -2, 2 ** 53] },
  { type: 'int32', dims: [], data: Int32Array.of(-7) },
  { type: 'uint8', dims: [2], data: Uint8Array.of(0, 255) },
  { type: 'int8', dims: [2], data: Int8Array.of(-128, 127) },
  { type: 'bool', dims: [2], data: Uint8Array.of(1, 0) },
  { type: 'string', dims: [3], data: ['', 'naïve ✓', 'b'] },
] as const

describe('GraphBuilder', () => {
  it('writes a model that onnxruntime computes', async () => {
    const session = await InferenceSession.create(affine().build({ name: 'affine' }))
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, 1, 2, 0), [2, 2]) })
    expect([...(y!.data as Float32Array)]).toEqual([-0.5, 4.5])
  })

  it('gives the same bytes for the same calls', () => {
    const build = () => affine().build({ name: 'affine', metadata: { b: '1', a: '2' } })
    expect(Buffer.compare(build(), build())).toBe(0)
  })

  it('stores constants of every type as given', async () => {
    const graph = new GraphBuilder()
    CONSTANTS.forEach((tensor, i) => {
      graph.output(`out${i}`, graph.constant('c', tensor), tensor.type, tensor.dims)
    })
    const session = await InferenceSession.create(graph.build({ name: 'constants' }))
    const outputs = await session.run({})
    CONSTANTS.forEach((tensor, i) => {
      const expected = tensor.type === 'int64' ? tensor.data.map(BigInt) : [...tensor.data]
      expect([...(outputs[`out${i}`]!.data as ArrayLike<unknown> & Iterable<unknown>)]).toEqual(expected)
      expect(outputs[`out${i}`]!.dims).toEqual(tensor.dims)
    })
  })

  it('writes attributes of every type', async () => {
    const graph = new GraphBuilder()
    const x = graph.input('x', 'string', ['N'])
    const codes = graph.node('LabelEncoder', [x], {
      domain: 'ai.onnx.ml',
      attributes: {
        keys_strings: { strings: ['a', 'é'] },
        values_int64s: { ints: [5, -1] },
        default_int64: { int: -9 },
      },
    })
    const real = graph.node('Cast', [codes], { attributes: { to: { int: 1 } } })
    const leaky = graph.node('LeakyRelu', [real], { attributes: { alpha: { float: 0.25 } } })
    const filled = graph.node('ConstantOfShape', [graph.node('Shape', [x])], {
      attributes: { value: { tensor: { type: 'float32', dims: [1], data: Float32Array.of(10) } } },
    })
    graph.output('y', graph.node('Add', [leaky, filled]), 'float32', ['N'])
    const session = await InferenceSession.create(graph.build({ name: 'attributes' }))
    const { y } = await session.run({ x: new Tensor('string', ['a', 'é', '?'], [3]) })
    expect([...(y!.data as Float32Array)]).toEqual([15, 9.75, 7.75])
  })

  it('imports an operator domain only when it is used', () => {
    expect(inspectModel(affine().build({ name: 'affine' })).opsets).toEqual({ '': 18 })
  })

  it('gives every value a name of its own', () => {
    const graph = new GraphBuilder()
    graph.input('Neg_1', 'float32', ['N'])
    const x = graph.input('Neg', 'float32', ['N'])
    const names = [graph.node('Neg', [x]).name, graph.node('Neg', [x]).name, graph.node('Neg', [x]).name]
    expect(new Set([...names, 'Neg', 'Neg_1']).size).toBe(5)
  })

  it('refuses a name used twice, an unknown value and data that do not fill the shape', () => {
    const graph = new GraphBuilder()
    graph.input('x', 'float32', ['N'])
    expect(() => graph.input('x', 'float32', ['N'])).toThrow('used twice')
    expect(() => graph.node('Neg', [{ name: 'nowhere' }])).toThrow('does not have')
    expect(() => graph.constant('c', { type: 'float32', dims: [3], data: new Float32Array(2) })).toThrow('[3]')
  })

  it('keeps a 100 MB weight intact', async () => {
    const rows = 25_000_000
    const data = new Float32Array(rows)
    data[0] = 1
    data[rows - 1] = 2
    const graph = new GraphBuilder()
    const at = graph.input('at', 'int64', ['N'])
    graph.output(
      'y',
      graph.node('Gather', [graph.constant('big', { type: 'float32', dims: [rows], data }), at]),
      'float32',
      ['N'],
    )
    const session = await InferenceSession.create(graph.build({ name: 'big' }))
    const { y } = await session.run({ at: new Tensor('int64', BigInt64Array.of(0n, BigInt(rows - 1)), [2]) })
    expect([...(y!.data as Float32Array)]).toEqual([1, 2])
  })
})

describe('Message', () => {
  // The examples of https://protobuf.dev/programming-guides/encoding/
  it('writes the bytes of the protobuf documentation', () => {
    const test1 = new Message()
    test1.int(1, 150)
    expect([...test1.finish()]).toEqual([0x08, 0x96, 0x01])
    const test2 = new Message()
    test2.string(2, 'testing')
    expect(Buffer.from(test2.finish()).toString('hex')).toBe('120774657374696e67')
    const test3 = new Message()
    test3.message(3, test1)
    expect([...test3.finish()]).toEqual([0x1a, 0x03, 0x08, 0x96, 0x01])
    const test5 = new Message()
    test5.ints(6, [3, 270, 86942])
    expect(Buffer.from(test5.finish()).toString('hex')).toBe('3206038e029ea705')
    const negative = new Message()
    negative.int(1, -2)
    expect(Buffer.from(negative.finish()).toString('hex')).toBe('08feffffffffffffffff01')
  })
})
