import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { InferenceSession } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { asFailure } from '../../core/failure.ts'
import { GraphBuilder } from './graph.ts'
import { inspectModel, MAX_DEPTH, MAX_PARTS } from './inspect.ts'
import { Message } from './wire.ts'

function sample(): Uint8Array {
  const graph = new GraphBuilder()
  const name = graph.input('name', 'string', ['N', 1])
  const x = graph.input('x', 'float64', ['N', 3])
  const code = graph.node('LabelEncoder', [name], {
    domain: 'ai.onnx.ml',
    attributes: { keys_strings: { strings: ['a'] }, values_floats: { floats: [1] } },
  })
  const scaled = graph.node('Mul', [x, graph.constant('w', { type: 'float64', dims: [3], data: new Float64Array(3) })])
  graph.output('y', graph.node('Neg', [graph.node('Neg', [scaled])]), 'float64', ['N', 3])
  graph.output('code', code, 'float32', ['N', 1])
  return graph.build({ name: 'sample', metadata: { k: 'v' } })
}

/** A model whose only node carries `depth` graphs inside one another, the innermost with a Loop. */
function nested(depth: number): Uint8Array {
  let graph = new Message()
  const loop = new Message()
  loop.string(4, 'Loop')
  graph.message(1, loop)
  for (let i = 0; i < depth; i++) {
    const attribute = new Message()
    attribute.string(1, 'body')
    attribute.message(6, graph)
    const node = new Message()
    node.string(4, 'If')
    node.message(5, attribute)
    graph = new Message()
    graph.message(1, node)
  }
  const output = new Message()
  output.string(1, 'y')
  graph.message(12, output)
  return model(graph)
}

function model(graph: Message, extend: (message: Message) => void = () => {}): Uint8Array {
  const opset = new Message()
  opset.int(2, 18)
  const whole = new Message()
  whole.int(1, 8)
  whole.message(7, graph)
  whole.message(8, opset)
  extend(whole)
  return whole.finish()
}

function graphWith(field: number, part: Message): Message {
  const output = new Message()
  output.string(1, 'y')
  const graph = new Message()
  graph.message(field, part)
  graph.message(12, output)
  return graph
}

describe('inspectModel', () => {
  it('reports signature, operators, opsets, metadata and weights', () => {
    const summary = inspectModel(sample())
    expect(summary.inputs).toEqual([
      { name: 'name', kind: 'tensor', dtype: 'string', dims: ['N', 1] },
      { name: 'x', kind: 'tensor', dtype: 'float64', dims: ['N', 3] },
    ])
    expect(summary.outputs.map((one) => [one.name, one.dtype])).toEqual([
      ['y', 'float64'],
      ['code', 'float32'],
    ])
    expect(summary.opsets).toEqual({ '': 18, 'ai.onnx.ml': 3 })
    expect(summary.operators).toEqual([
      { domain: '', op: 'Identity', count: 2 },
      { domain: '', op: 'Mul', count: 1 },
      { domain: '', op: 'Neg', count: 2 },
      { domain: 'ai.onnx.ml', op: 'LabelEncoder', count: 1 },
    ])
    expect(summary.metadata).toEqual({ k: 'v' })
    expect(summary.initializers).toEqual([{ name: 'w', dtype: 'float64', dims: [3], bytes: 24, external: false }])
    expect(summary).toMatchObject({ graphName: 'sample', externalData: false, functions: [], subgraphs: 0, depth: 0 })
  })

  it('gives a name as it is written, though it begin like a mark of the encoding', () => {
    const graph = new GraphBuilder()
    graph.output('y', graph.node('Neg', [graph.input('\uFEFFx', 'float64', ['N', 1])]), 'float64', ['N', 1])
    expect(inspectModel(graph.build({ name: 'marked' })).inputs.map(({ name }) => name)).toEqual(['\uFEFFx'])
  })

  it('counts subgraphs and their operators at every depth', () => {
    const summary = inspectModel(nested(3))
    expect(summary).toMatchObject({ subgraphs: 3, depth: 3, nodeCount: 4 })
    expect(summary.operators.map((one) => one.op)).toEqual(['If', 'Loop'])
  })

  it('refuses graphs nested too deeply', () => {
    expect(() => inspectModel(nested(MAX_DEPTH + 1))).toThrow('nested')
    expect(() => inspectModel(nested(5000))).toThrow('nested')
  })

  it('notices external data by either of its marks', () => {
    const located = new Message()
    located.int(14, 1)
    const entry = new Message()
    entry.message(13, new Message())
    expect(inspectModel(model(graphWith(5, located))).externalData).toBe(true)
    expect(inspectModel(model(graphWith(5, entry))).externalData).toBe(true)
  })

  it('sizes a tensor by its dims, so that a small file cannot hide a huge one', () => {
    const tensor = new Message()
    tensor.ints(1, [2 ** 31, 1])
    tensor.int(2, 1)
    expect(inspectModel(model(graphWith(5, tensor))).tensors.largest).toBe(2 ** 33)
  })

  it('finds functions and training graphs', () => {
    const summary = inspectModel(
      model(graphWith(13, new Message()), (whole) => {
        const training = new Message()
        training.message(2, graphWith(13, new Message()))
        whole.message(20, training)
        const named = new Message()
        named.string(1, 'sneaky')
        whole.message(25, named)
      }),
    )
    expect(summary).toMatchObject({ functions: ['sneaky'], trainingInfo: true })
  })

  it('refuses bytes that are no model as malformed', () => {
    for (const bytes of [
      new Uint8Array(0),
      Buffer.from('hello, this is text'),
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
    ]) {
      expect(kindOf(bytes)).toBe('malformed')
    }
  })

  it('ends in a summary or a failure of the caller for any damage to a file', () => {
    const good = sample()
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(good.length),
        (changes, length) => {
          const bytes = good.slice(0, length)
          for (const [at, value] of changes) if (at < length) bytes[at] = value
          expect(['ok', 'malformed', 'invalid']).toContain(kindOf(bytes))
        },
      ),
      { numRuns: 2000, seed: 7 },
    )
  })

  it('refuses more parts than any model has', () => {
    for (const field of [1, 5, 11]) {
      const node = new Message()
      node.string(4, 'A')
      const part = field === 1 ? node.finish() : new Uint8Array(0)
      const graph = new Message()
      for (let i = 0; i <= MAX_PARTS; i++) graph.bytes(field, part)
      expect(() => inspectModel(model(graph))).toThrow(`more than ${MAX_PARTS} nodes`)
    }
  })

  it('ends for any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(['ok', 'malformed', 'invalid']).toContain(kindOf(bytes))
      }),
      { numRuns: 2000, seed: 8 },
    )
  })
})

function kindOf(bytes: Uint8Array): string {
  try {
    inspectModel(bytes)
    return 'ok'
  } catch (error) {
    return asFailure(error).kind
  }
}

const FOREIGN = join(import.meta.dirname, '../../../../shared/data/onnx')
if (!existsSync(FOREIGN)) console.warn(`skipped: models of other tools, because ${FOREIGN} is absent`)

describe.skipIf(!existsSync(FOREIGN))('inspectModel on models of other tools', () => {
  for (const name of existsSync(FOREIGN) ? readdirSync(FOREIGN) : []) {
    const file = readdirSync(join(FOREIGN, name)).find((one) => one.endsWith('.onnx'))
    if (!file) continue
    it(`agrees with onnxruntime about ${name}`, async () => {
      const bytes = readFileSync(join(FOREIGN, name, file))
      const session = await InferenceSession.create(bytes).catch(() => null)
      if (!session) return expect(['ok', 'malformed', 'invalid']).toContain(kindOf(bytes))
      const summary = inspectModel(bytes)
      expect(summary.inputs.map((one) => one.name)).toEqual(session.inputNames)
      expect(summary.outputs.map((one) => one.name)).toEqual(session.outputNames)
      session.inputMetadata.forEach((theirs, i) => {
        const ours = summary.inputs[i]!
        expect(theirs.isTensor).toBe(ours.kind === 'tensor')
        if (theirs.isTensor) expect([theirs.type, theirs.shape.length]).toEqual([ours.dtype, ours.dims?.length ?? 0])
      })
    })
  }
})
