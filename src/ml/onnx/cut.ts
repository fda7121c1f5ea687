// A model file that ends earlier: only what is needed for one value inside the graph, which becomes its only output, as
// float32 whatever it is (a graph cannot answer its own input either, so the cast is always there).
import { fail } from '../../core/failure.ts'
import { type GraphNode, graphBytes, nameIn, readGraph } from './nodes.ts'
import { valueMessage } from './proto.ts'
import { copyField, replaceGraph } from './rewrite.ts'
import { fields, payload } from './scan.ts'
import { ELEMENT_TYPES } from './types.ts'
import { Message } from './wire.ts'

export interface CutModel {
  readonly bytes: Uint8Array
  readonly output: string
}

/** The inputs stay as they are, needed or not. `invalid` when no node of the main graph makes the value. */
export function cutModel(bytes: Uint8Array, value: string): CutModel {
  const { nodes, inputs } = readGraph(bytes)
  if (!inputs.includes(value) && !nodes.some((node) => node.outputs.includes(value))) {
    throw fail('invalid', 'ONNX_INVALID', `The graph has no value "${value}"`)
  }
  const { kept, read } = neededFor(nodes, value)
  const graph = new Message()
  let node = 0
  for (const field of fields(graphBytes(bytes))) {
    if (field.number === 1) {
      if (kept.has(nodes[node++]!)) copyField(graph, field)
    } else if (field.number === 5) {
      if (read === null || read.has(nameIn(payload(field), 8))) copyField(graph, field)
    } else if (field.number !== 12 && field.number !== 13) copyField(graph, field)
  }
  const output = `${value} as float32`
  graph.message(1, cast(value, output))
  graph.message(12, valueMessage(output, 'float32', ['N', 'columns']))
  return { bytes: replaceGraph(bytes, () => graph), output }
}

function cast(from: string, to: string): Message {
  const type = new Message()
  type.string(1, 'to')
  type.int(3, ELEMENT_TYPES.float32)
  type.int(20, 2)
  const node = new Message()
  node.string(1, from)
  node.string(2, to)
  node.string(4, 'Cast')
  node.message(5, type)
  return node
}

/** Nodes that lead to the value, and the names they read; null where a nested graph may read anything. */
function neededFor(nodes: readonly GraphNode[], value: string) {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const kept = new Set<GraphNode>()
  const read = new Set<string>([value])
  const waiting = [value]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const maker = makers.get(name)
    if (!maker || kept.has(maker)) continue
    if (maker.nested) return { kept: new Set(nodes), read: null }
    kept.add(maker)
    for (const input of maker.inputs) {
      read.add(input)
      waiting.push(input)
    }
  }
  return { kept, read }
}
