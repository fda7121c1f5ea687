// A model file under change: nodes are exchanged for others, weights for smaller ones, and everything else is copied byte by
// byte. A weight that was exchanged is dropped only when nothing reads it any more, not even a graph inside a node.
import { type GraphNode, graphBytes, type ModelGraph, nameIn, readGraph, tensorDims } from '../nodes.ts'
import { type NodeSpec, nodeMessage, tensorMessage } from '../proto.ts'
import { type Field, fields, malformed, payload, text } from '../scan.ts'
import { checkTensor, type TensorData } from '../types.ts'
import { Message } from '../wire.ts'
import { type FloatTensor, floatTensor } from './weights.ts'

export interface NewNode extends Omit<NodeSpec, 'name' | 'outputs' | 'domain' | 'attributes'> {
  readonly outputs?: readonly string[]
  readonly domain?: string
  readonly attributes?: NodeSpec['attributes']
  /** Attributes as they stand in another file, copied. */
  readonly copied?: Iterable<Uint8Array>
}

export class GraphEdit {
  readonly graph: ModelGraph
  readonly #bytes: Uint8Array
  readonly #names = new Set<string>()
  readonly #makers = new Map<string, GraphNode>()
  readonly #exchanged = new Map<GraphNode, Message[]>()
  readonly #first: Message[] = []
  readonly #added: Message[] = []
  /** Read by new nodes. */
  readonly #read = new Set<string>()
  /** Weights that were exchanged. */
  readonly #left = new Set<string>()
  #counter = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.graph = readGraph(bytes)
    for (const name of [...this.graph.inputs, ...this.graph.outputs, ...this.graph.initializers.keys()]) {
      this.#names.add(name)
    }
    for (const node of this.graph.nodes) {
      for (const name of [...node.inputs, ...node.outputs, ...innerNames(node.bytes)]) this.#names.add(name)
      for (const output of node.outputs) this.#makers.set(output, node)
    }
  }

  /** The node of the main graph that makes a value. */
  makerOf(name: string): GraphNode | undefined {
    return this.#makers.get(name)
  }

  /** Bytes of a stored tensor: an initializer, or what a Constant node holds. */
  stored(name: string): Uint8Array | undefined {
    const initializer = this.graph.initializers.get(name)
    if (initializer) return initializer
    const maker = this.#makers.get(name)
    const value = maker?.op === 'Constant' ? maker.attributes.get('value') : undefined
    if (value) for (const field of fields(value)) if (field.number === 5) return payload(field)
    return undefined
  }

  /** A stored float32 weight. */
  weight(name: string): FloatTensor | undefined {
    const tensor = this.stored(name)
    return tensor && floatTensor(tensor, tensorDims(tensor))
  }

  constant(hint: string, tensor: TensorData): string {
    const name = this.#fresh(hint)
    checkTensor(name, tensor)
    this.#added.push(tensorMessage(name, tensor))
    return name
  }

  /** A node that is to be placed by `exchange`. @returns it and the names of its outputs. */
  node(spec: NewNode, outputs = 1): { readonly message: Message; readonly names: readonly string[] } {
    const names = spec.outputs ?? Array.from({ length: outputs }, () => this.#fresh(spec.op))
    for (const input of spec.inputs) this.#read.add(input)
    const { op, inputs, domain = '', attributes = {} } = spec
    const message = nodeMessage({ op, inputs, domain, attributes, name: this.#fresh(`${op}_node`), outputs: names })
    for (const attribute of spec.copied ?? []) message.bytes(5, attribute)
    return { message, names }
  }

  /** Puts nodes where one stood. `weights` are the stored tensors it needs no more. */
  exchange(node: GraphNode, nodes: readonly Message[], weights: readonly string[]): void {
    this.#exchanged.set(node, [...nodes])
    for (const name of weights) this.#left.add(name)
  }

  /** Puts a node that makes the value of a stored tensor before all others. */
  exchangeWeight(name: string, node: Message): void {
    this.#first.push(node)
    this.#left.add(name)
    const maker = this.#makers.get(name)
    if (maker) this.#exchanged.set(maker, [])
  }

  /** @param made names that new nodes make, of stored tensors that must go although they are read */
  finish(made: ReadonlySet<string> = new Set()): Uint8Array {
    const read = this.#stillRead()
    const gone = new Set([...this.#left].filter((name) => made.has(name) || !read.has(name)))
    const graph = new Message()
    for (const node of this.#first) graph.message(1, node)
    let at = 0
    for (const field of fields(graphBytes(this.#bytes))) {
      if (field.number === 1) this.#writeNode(graph, this.graph.nodes[at++]!, gone)
      else if (field.number === 5 && gone.has(nameIn(payload(field), 8))) continue
      else if (field.number === 11 && gone.has(nameIn(payload(field), 1))) continue
      else copyField(graph, field)
    }
    for (const tensor of this.#added) graph.message(5, tensor)
    const model = new Message()
    for (const field of fields(this.#bytes)) {
      if (field.number === 7) model.message(7, graph)
      else copyField(model, field)
    }
    return model.finish()
  }

  #writeNode(graph: Message, node: GraphNode, gone: ReadonlySet<string>): void {
    const others = this.#exchanged.get(node)
    if (others) for (const other of others) graph.message(1, other)
    else if (!(node.op === 'Constant' && gone.has(node.outputs[0] ?? ''))) graph.bytes(1, node.bytes)
  }

  #stillRead(): Set<string> {
    const read = new Set([...this.#read, ...this.graph.outputs])
    for (const node of this.graph.nodes) {
      if (this.#exchanged.has(node)) continue
      for (const name of [...node.inputs, ...innerNames(node.bytes)]) read.add(name)
    }
    return read
  }

  #fresh(hint: string): string {
    let name = ''
    do name = `${hint}_quantized_${this.#counter++}`
    while (this.#names.has(name))
    this.#names.add(name)
    return name
  }
}

function copyField(to: Message, { number, wire, value, bytes }: Field): void {
  if (wire === 0) to.int(number, value)
  else if (wire === 2) to.bytes(number, bytes)
  else throw malformed(`field ${number} has wire type ${wire}`)
}

/** Every name that graphs inside a node read or answer: some are values of the graph around it. */
function* innerNames(node: Uint8Array): Generator<string> {
  for (const attribute of fields(node)) {
    if (attribute.number !== 5) continue
    for (const part of fields(payload(attribute))) {
      if (part.number === 6 || part.number === 11) yield* namesIn(payload(part))
    }
  }
}

function* namesIn(graph: Uint8Array): Generator<string> {
  for (const field of fields(graph)) {
    if (field.number === 12) yield nameIn(payload(field), 1)
    if (field.number !== 1) continue
    for (const part of fields(payload(field))) if (part.number === 1) yield text(part)
    yield* innerNames(payload(field))
  }
}
