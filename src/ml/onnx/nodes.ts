// The main graph of a model file node by node, and the values its attributes and initializers hold. Attributes are decoded
// only when asked for: a forest's arrays are most of its file.
import { fail } from '../../core/failure.ts'
import { eachInteger, type Field, fields, integer, malformed, payload, text } from './scan.ts'

export interface GraphNode {
  readonly op: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** The raw attributes by name. */
  readonly attributes: ReadonlyMap<string, Uint8Array>
  /** It carries a graph of its own (If, Loop, Scan), which may read any value of this one. */
  readonly nested: boolean
  readonly bytes: Uint8Array
}

export interface ModelGraph {
  readonly nodes: readonly GraphNode[]
  /** Raw tensors by name. */
  readonly initializers: ReadonlyMap<string, Uint8Array>
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

export function readGraph(bytes: Uint8Array): ModelGraph {
  const nodes: GraphNode[] = []
  const initializers = new Map<string, Uint8Array>()
  const inputs: string[] = []
  const outputs: string[] = []
  for (const field of fields(graphBytes(bytes))) {
    if (field.number === 1) nodes.push(readNode(payload(field)))
    else if (field.number === 5) initializers.set(nameIn(payload(field), 8), payload(field))
    else if (field.number === 11) inputs.push(nameIn(payload(field), 1))
    else if (field.number === 12) outputs.push(nameIn(payload(field), 1))
  }
  return { nodes, initializers, inputs: inputs.filter((name) => !initializers.has(name)), outputs }
}

export function graphBytes(bytes: Uint8Array): Uint8Array {
  for (const field of fields(bytes)) if (field.number === 7) return payload(field)
  throw fail('invalid', 'ONNX_INVALID', 'The model has no graph')
}

/** The text in one field of a message, '' where it has none. */
export function nameIn(bytes: Uint8Array, number: number): string {
  for (const field of fields(bytes)) if (field.number === number) return text(field)
  return ''
}

function readNode(bytes: Uint8Array): GraphNode {
  const inputs: string[] = []
  const outputs: string[] = []
  const attributes = new Map<string, Uint8Array>()
  let op = ''
  let domain = ''
  let nested = false
  for (const field of fields(bytes)) {
    if (field.number === 1) inputs.push(text(field))
    else if (field.number === 2) outputs.push(text(field))
    else if (field.number === 4) op = text(field)
    else if (field.number === 7) domain = text(field)
    else if (field.number === 5) {
      attributes.set(nameIn(payload(field), 1), payload(field))
      nested ||= hasGraph(payload(field))
    }
  }
  return { op, domain, inputs, outputs, attributes, nested, bytes }
}

function hasGraph(attribute: Uint8Array): boolean {
  for (const field of fields(attribute)) if (field.number === 6 || field.number === 11) return true
  return false
}

/** Numbers of an attribute (one or a list, floats or integers); undefined when the node does not have it. */
export function numbersOf(node: GraphNode, name: string): number[] | undefined {
  const attribute = node.attributes.get(name)
  if (!attribute) return undefined
  const found: number[] = []
  for (const field of fields(attribute)) {
    if (field.number === 2 || field.number === 7) addFloats(field, found)
    else if (field.number === 3 || field.number === 8) addIntegers(field, found)
    else if (field.number === 5) return tensorNumbers(payload(field))
  }
  return found
}

/** Strings of an attribute, one or a list. */
export function stringsOf(node: GraphNode, name: string): string[] | undefined {
  const attribute = node.attributes.get(name)
  if (!attribute) return undefined
  const found: string[] = []
  for (const field of fields(attribute)) if (field.number === 4 || field.number === 9) found.push(text(field))
  return found
}

/** 32-bit floats: packed, or one. */
function addFloats(field: Field, into: number[]): void {
  if (field.wire === 2) {
    const { bytes } = field
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at + 4 <= bytes.byteLength; at += 4) into.push(view.getFloat32(at, true))
  } else {
    const view = new DataView(new ArrayBuffer(4))
    view.setUint32(0, Number(BigInt.asUintN(32, field.value)), true)
    into.push(view.getFloat32(0, true))
  }
}

function addIntegers(field: Field, into: number[]): void {
  for (const value of eachInteger(field)) into.push(Number(value))
}

/** The numbers of a float, double or integer tensor; undefined for the other types. */
export function tensorNumbers(tensor: Uint8Array): number[] | undefined {
  let type = 0
  let raw: Uint8Array | undefined
  const listed: number[] = []
  for (const field of fields(tensor)) {
    if (field.number === 2) type = Number(integer(field))
    else if (field.number === 4) addFloats(field, listed)
    else if (field.number === 5 || field.number === 7) addIntegers(field, listed)
    else if (field.number === 10) addDoubles(payload(field), listed)
    else if (field.number === 9) raw = payload(field)
  }
  const reader = READERS[type]
  if (!reader) return undefined
  if (!raw) return listed
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  if (raw.byteLength % reader.width !== 0) throw malformed('a tensor ends inside a number')
  return Array.from({ length: raw.byteLength / reader.width }, (_, i) => reader.read(view, i * reader.width))
}

function addDoubles(bytes: Uint8Array, into: number[]): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + 8 <= bytes.byteLength; at += 8) into.push(view.getFloat64(at, true))
}

interface Reader {
  readonly width: number
  readonly read: (view: DataView, at: number) => number
}

/** By `TensorProto.DataType`. */
const READERS: Readonly<Record<number, Reader>> = {
  1: { width: 4, read: (view, at) => view.getFloat32(at, true) },
  2: { width: 1, read: (view, at) => view.getUint8(at) },
  6: { width: 4, read: (view, at) => view.getInt32(at, true) },
  7: { width: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  11: { width: 8, read: (view, at) => view.getFloat64(at, true) },
}

/** The lengths of a tensor's axes. */
export function tensorDims(tensor: Uint8Array): number[] {
  const dims: number[] = []
  for (const field of fields(tensor)) if (field.number === 1) addIntegers(field, dims)
  return dims
}
