// Files that mean harm: each is refused, or its own callers are; everybody else is served as before.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../src/ml/onnx/graph.ts'
import { modelBytes, nodeMessage, tensorMessage, valueMessage } from '../../src/ml/onnx/proto.ts'
import { Message } from '../../src/ml/onnx/wire.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { refusal } from '../helpers/failing.ts'
import { addModel, hungryModel, loopModel } from '../runtime-models.ts'
import { aTensorModel, identityModel } from './models.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ worker: false })
  await aTensorModel(app.client, { name: 'innocent', file: identityModel('float32', ['N']) })
})
afterAll(() => app.stop())

type Answer = readonly [number, unknown]

async function infer(model: string, inputs: object[], parameters = {}): Promise<Answer> {
  const url = `/v2/models/${model}/infer`
  const reply = await app.app.http.inject({ method: 'POST', url, payload: { inputs, parameters } })
  return [reply.statusCode, reply.json().error ?? reply.json().outputs[0].data]
}

const fp32 = (name: string, data: number[], shape = [data.length]) => ({ name, shape, datatype: 'FP32', data })
const int64 = (name: string, data: number[], shape: number[]) => ({ name, shape, datatype: 'INT64', data })

/** The others are served while `harm` is under way, and after it. */
async function besideOthers<T>(harm: Promise<T>): Promise<T> {
  const innocent = () => infer('innocent', [fp32('INPUT0', [7])])
  expect(await innocent()).toEqual([200, [7]])
  const outcome = await harm
  expect(await innocent()).toEqual([200, [7]])
  return outcome
}

async function importing(file: Uint8Array, type: 'custom' | 'regression' = 'custom') {
  const { id: model_id } = await app.client.models.create({ name: `stranger-${made++}`, type })
  return app.client.versions.import({ model_id, file })
}
let made = 0

async function deployed(name: string, file: Uint8Array): Promise<void> {
  const { id: model_id } = await app.client.models.create({ name, type: 'custom' })
  const { version } = await app.client.versions.import({ model_id, file })
  await app.client.models.deploy({ model_id, version })
}

describe('a model that behaves until it is live', () => {
  it('is killed in its endless loop, and answers the next caller', async () => {
    await deployed('endless', loopModel())
    const forever = [int64('count', [2 ** 52], []), fp32('x', [0])]
    const [status, error] = await besideOthers(infer('endless', forever, { timeout: 300_000 }))
    expect([status, error]).toEqual([503, expect.stringContaining('No answer from the model')])
    expect(await infer('endless', [int64('count', [3], []), fp32('x', [0])])).toEqual([200, [3]])
    expect(app.app.stuckThreads()).toBe(0)
  })

  it('gets no more memory than it is given', async () => {
    await deployed('hungry', hungryModel())
    const copies = (n: number) => infer('hungry', [fp32('x', [1]), int64('n', [n], [1])])
    const [status] = await besideOthers(copies(2 ** 34))
    expect(status).toBe(503)
    expect(await copies(4)).toEqual([200, [4]])
  })
})

describe('a file that is refused', () => {
  it('8 GB from a few bytes', async () => {
    expect(await besideOthers(refusal(importing(bigConstant(2 ** 31))))).toMatchObject({
      kind: 'invalid',
      code: 'MODEL_NOT_USABLE',
      message: expect.stringContaining('memory'),
    })
  })

  it('a shape that overflows', async () => {
    const { kind } = await besideOthers(refusal(importing(bigConstant(2 ** 61))))
    expect(kind).toMatch(/invalid|malformed/)
  })

  it('a negative dimension', async () => {
    const file = withInitializer((tensor) => tensor.int(1, -5))
    expect(await refusal(importing(file))).toMatchObject({
      kind: 'malformed',
      message: expect.stringContaining('negative'),
    })
  })

  it.each<[string, () => Uint8Array]>([
    ['graphs nested 10,000 deep', () => nestedGraphs(10_000)],
    ['a tensor of a million dimensions', () => withInitializer((tensor) => tensor.ints(1, new Array(1e6).fill(1)))],
    ['a length beyond the end', () => Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x7f)],
    ['two million empty nodes', () => manyNodes(2_000_000)],
    ['numbers without end', () => new Uint8Array(100_000).fill(0xff)],
  ])('a bomb of protobuf: %s', async (_what, file) => {
    const { kind } = await besideOthers(refusal(importing(file())))
    expect(kind).toMatch(/invalid|malformed/)
  })

  it('an output twice', async () => {
    const plain = { domain: '', attributes: {} }
    const node = (name: string) => nodeMessage({ op: 'Identity', name, inputs: ['x'], outputs: ['y'], ...plain })
    const file = modelOf({ nodes: [node('a'), node('b')], initializers: [] })
    expect(await refusal(importing(file))).toMatchObject({ kind: 'invalid', code: 'MODEL_NOT_LOADABLE' })
  })
})

describe('a file that is strange, and harmless', () => {
  it('a chain of 20,000 nodes is served', async () => {
    const graph = new GraphBuilder()
    const one = graph.constant('one', { type: 'float32', dims: [1], data: Float32Array.of(1) })
    let value = graph.input('x', 'float32', ['N'])
    for (let i = 0; i < 20_000; i++) value = graph.node(i % 2 ? 'Sub' : 'Add', [value, one])
    graph.output('y', graph.node('Identity', [value]), 'float32', ['N'])
    await besideOthers(deployed('chain', graph.build({ name: 'chain' })))
    expect(await infer('chain', [fp32('x', [5])])).toEqual([200, [5]])
  })

  it('flipped weights load, and a stored file that changed afterwards does not', async () => {
    const file = addModel(1)
    const flipped = file.map((byte, i) => (i === indexOfWeights(file) ? byte ^ 0x80 : byte))
    const { artifact_sha256 } = await importing(flipped, 'regression')
    expect(artifact_sha256).not.toBe((await importing(file, 'regression')).artifact_sha256)
  })
})

/** Where 1 stands as a float. */
function indexOfWeights(file: Uint8Array): number {
  return Buffer.from(file).indexOf(Buffer.from(Float32Array.of(1).buffer))
}

const X = [valueMessage('x', 'float32', ['N'])]
const Y = [valueMessage('y', 'float32', ['N'])]

function modelOf({ nodes, initializers }: { nodes: readonly Message[]; initializers: readonly Message[] }): Uint8Array {
  const opsets = new Map([['', 18]])
  return modelBytes({ name: 'm', irVersion: 8, opsets, metadata: {}, nodes, initializers, inputs: X, outputs: Y })
}

/** y = x + the largest of `length` ones, which the file only asks for. */
function bigConstant(length: number): Uint8Array {
  const plain = { domain: '', attributes: {} }
  return modelOf({
    nodes: [
      nodeMessage({ op: 'ConstantOfShape', name: 'c', inputs: ['shape'], outputs: ['big'], ...plain }),
      nodeMessage({ op: 'ReduceMax', name: 'r', inputs: ['big'], outputs: ['most'], ...plain }),
      nodeMessage({ op: 'Add', name: 'a', inputs: ['x', 'most'], outputs: ['y'], ...plain }),
    ],
    initializers: [tensorMessage('shape', { type: 'int64', dims: [1], data: [length] })],
  })
}

function withInitializer(fill: (tensor: Message) => void): Uint8Array {
  const tensor = new Message()
  fill(tensor)
  tensor.int(2, 1)
  tensor.string(8, 'w')
  const node = nodeMessage({ op: 'Add', name: 'a', inputs: ['x', 'w'], outputs: ['y'], domain: '', attributes: {} })
  return modelOf({ nodes: [node], initializers: [tensor] })
}

/** If inside If inside If. */
function nestedGraphs(depth: number): Uint8Array {
  let inner: Uint8Array = new Uint8Array(0)
  for (let i = 0; i < depth; i++) {
    const attribute = new Message()
    attribute.bytes(6, inner)
    const node = new Message()
    node.string(4, 'If')
    node.message(5, attribute)
    const graph = new Message()
    graph.message(1, node)
    inner = graph.finish()
  }
  const model = new Message()
  model.int(1, 8)
  model.bytes(7, inner)
  return model.finish()
}

function manyNodes(count: number): Uint8Array {
  const graph = Buffer.alloc(2 * count)
  for (let i = 0; i < count; i++) graph[2 * i] = 0x0a // node, of no bytes
  const model = new Message()
  model.int(1, 8)
  model.bytes(7, graph)
  return model.finish()
}
