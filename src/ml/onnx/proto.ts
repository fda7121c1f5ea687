// ONNX messages (tensor, attribute, node, value, model) in the order and with the field numbers of onnx.proto.

import { type Attribute, type Attributes, type Dim, ELEMENT_TYPES, type ElementType, type TensorData } from './types.ts'
import { littleEndian, Message } from './wire.ts'

export interface NodeSpec {
  readonly op: string
  readonly name: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Attributes
}

export interface ModelSpec {
  readonly name: string
  readonly irVersion: number
  /** Domain → version, in the order they are written. */
  readonly opsets: ReadonlyMap<string, number>
  readonly metadata: Readonly<Record<string, string>>
  readonly nodes: readonly Message[]
  readonly initializers: readonly Message[]
  readonly inputs: readonly Message[]
  readonly outputs: readonly Message[]
}

export function tensorMessage(name: string, tensor: TensorData): Message {
  const message = new Message()
  message.ints(1, tensor.dims)
  message.int(2, ELEMENT_TYPES[tensor.type])
  if (tensor.type === 'string') {
    for (const value of tensor.data) message.string(6, value)
    if (name) message.string(8, name)
    return message
  }
  if (name) message.string(8, name)
  const raw = tensor.type === 'int64' && !ArrayBuffer.isView(tensor.data) ? int64(tensor.data) : tensor.data
  message.bytes(9, littleEndian(raw as ArrayBufferView))
  return message
}

const int64 = (values: ArrayLike<number>) => BigInt64Array.from({ length: values.length }, (_, i) => BigInt(values[i]!))

function attributeMessage(name: string, value: Attribute): Message {
  const message = new Message()
  message.string(1, name)
  if ('float' in value) {
    message.float(2, value.float)
    message.int(20, 1)
  } else if ('int' in value) {
    message.int(3, value.int)
    message.int(20, 2)
  } else if ('string' in value) {
    message.string(4, value.string)
    message.int(20, 3)
  } else if ('tensor' in value) {
    message.message(5, tensorMessage('', value.tensor))
    message.int(20, 4)
  } else if ('floats' in value) {
    message.floats(7, value.floats)
    message.int(20, 6)
  } else if ('ints' in value) {
    message.ints(8, value.ints)
    message.int(20, 7)
  } else {
    for (const one of value.strings) message.string(9, one)
    message.int(20, 8)
  }
  return message
}

export function nodeMessage(node: NodeSpec): Message {
  const message = new Message()
  for (const input of node.inputs) message.string(1, input)
  for (const output of node.outputs) message.string(2, output)
  message.string(3, node.name)
  message.string(4, node.op)
  for (const [name, value] of Object.entries(node.attributes)) message.message(5, attributeMessage(name, value))
  if (node.domain) message.string(7, node.domain)
  return message
}

/** The declaration of a graph's input or output. */
export function valueMessage(name: string, type: ElementType, dims: readonly Dim[]): Message {
  const shape = new Message()
  for (const dim of dims) {
    const one = new Message()
    if (typeof dim === 'number') one.int(1, dim)
    else one.string(2, dim)
    shape.message(1, one)
  }
  const tensor = new Message()
  tensor.int(1, ELEMENT_TYPES[type])
  tensor.message(2, shape)
  const wrapped = new Message()
  wrapped.message(1, tensor)
  const message = new Message()
  message.string(1, name)
  message.message(2, wrapped)
  return message
}

export function modelBytes(model: ModelSpec): Uint8Array {
  const graph = new Message()
  for (const node of model.nodes) graph.message(1, node)
  graph.string(2, model.name)
  for (const initializer of model.initializers) graph.message(5, initializer)
  for (const input of model.inputs) graph.message(11, input)
  for (const output of model.outputs) graph.message(12, output)
  const message = new Message()
  message.int(1, model.irVersion)
  message.string(2, 'modelyard')
  message.message(7, graph)
  for (const [domain, version] of model.opsets) {
    const opset = new Message()
    if (domain) opset.string(1, domain)
    opset.int(2, version)
    message.message(8, opset)
  }
  for (const [key, value] of Object.entries(model.metadata)) {
    const entry = new Message()
    entry.string(1, key)
    entry.string(2, value)
    message.message(14, entry)
  }
  return message.finish()
}
