// Says what an ONNX file holds without running it: signature, operators, sizes, and whatever could make it dangerous.
// Subgraphs, functions and training graphs are walked as well, because an endless Loop can hide in any of them.
import { fail } from '../../core/failure.ts'
import { readTensor, readValue, type Tensor, type ValueInfo } from './read.ts'
import { type Field, fields, integer, malformed, payload, text } from './scan.ts'

export interface Operator {
  /** '' is ONNX itself. */
  readonly domain: string
  readonly op: string
  /** Nodes with this operator, in all graphs together. */
  readonly count: number
}

export interface ModelSummary {
  readonly irVersion: number
  readonly producer: string
  readonly graphName: string
  /** Domain → opset version. */
  readonly opsets: Readonly<Record<string, number>>
  /** Inputs a caller must give; inputs that merely name an initializer (IR 3 files) are left out. */
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  /** Sorted by domain and name. */
  readonly operators: readonly Operator[]
  readonly nodeCount: number
  readonly metadata: Readonly<Record<string, string>>
  /** Every tensor stored in the file: initializers and constants, of all graphs. Sizes in bytes. */
  readonly tensors: { readonly count: number; readonly bytes: number; readonly largest: number }
  /** The weights of the main graph by name; sizes in bytes when loaded. */
  readonly initializers: readonly Tensor[]
  /** Some tensor is kept in another file. */
  readonly externalData: boolean
  /** Names of the functions the file defines. */
  readonly functions: readonly string[]
  /** Graphs inside nodes (If, Loop, Scan), counted at every depth. */
  readonly subgraphs: number
  /** Depth of nesting of those. */
  readonly depth: number
  /** The file carries graphs for training, which nothing here runs. */
  readonly trainingInfo: boolean
  readonly sizeBytes: number
}

/** Nesting deeper than this is refused: no exporter comes near, and readers elsewhere recurse. */
export const MAX_DEPTH = 16
/** Nodes, stored tensors, declared values and entries: the largest models have some ten thousand. */
export const MAX_PARTS = 1_000_000

interface Walk {
  readonly operators: Map<string, { domain: string; op: string; count: number }>
  readonly functions: string[]
  /** Whatever is remembered of the file. */
  parts: number
  nodes: number
  tensors: number
  bytes: number
  largest: number
  external: boolean
  subgraphs: number
  depth: number
}

interface MainGraph {
  name: string
  readonly inputs: ValueInfo[]
  readonly outputs: ValueInfo[]
  readonly initializers: Tensor[]
}

/**
 * Reads the description of a model. `malformed` when the bytes are not an ONNX file, `invalid` when they are one that
 * no server can use (no graph, no outputs, nested too deeply).
 */
export function inspectModel(bytes: Uint8Array): ModelSummary {
  const walk: Walk = {
    operators: new Map(),
    functions: [],
    parts: 0,
    nodes: 0,
    tensors: 0,
    bytes: 0,
    largest: 0,
    external: false,
    subgraphs: 0,
    depth: 0,
  }
  const main: MainGraph = { name: '', inputs: [], outputs: [], initializers: [] }
  const opsets = new Map<string, number>()
  const metadata = new Map<string, string>()
  let irVersion = 0
  let producer = ''
  let graphs = 0
  let trainingInfo = false
  for (const field of fields(bytes)) {
    if (field.number === 8 || field.number === 14 || field.number === 25) countPart(walk)
    if (field.number === 1) irVersion = Number(integer(field))
    else if (field.number === 2) producer = text(field)
    else if (field.number === 7) {
      graphs++
      readGraph(payload(field), walk, 0, main)
    } else if (field.number === 8) readOpset(payload(field), opsets)
    else if (field.number === 14) readEntry(payload(field), metadata)
    else if (field.number === 20) {
      trainingInfo = true
      for (const part of fields(payload(field))) if (part.number <= 2) readGraph(payload(part), walk, 1)
    } else if (field.number === 25) readFunction(payload(field), walk)
  }
  if (graphs === 0 && irVersion === 0 && opsets.size === 0) throw malformed('it holds no model')
  if (graphs !== 1) throw invalidModel(graphs === 0 ? 'The model has no graph' : 'The model has more than one graph')
  if (opsets.size === 0) throw invalidModel('The model does not say which operator set it uses')
  if (main.outputs.length === 0) throw invalidModel('The graph has no outputs')
  const stored = new Set(main.initializers.map((one) => one.name))
  return {
    irVersion,
    producer,
    graphName: main.name,
    opsets: Object.fromEntries(opsets),
    inputs: main.inputs.filter((input) => !stored.has(input.name)),
    outputs: main.outputs,
    operators: [...walk.operators.values()].sort((a, b) => compare(a.domain, b.domain) || compare(a.op, b.op)),
    nodeCount: walk.nodes,
    metadata: Object.fromEntries(metadata),
    tensors: { count: walk.tensors, bytes: walk.bytes, largest: walk.largest },
    initializers: main.initializers,
    externalData: walk.external,
    functions: walk.functions,
    subgraphs: walk.subgraphs,
    depth: walk.depth,
    trainingInfo,
    sizeBytes: bytes.length,
  }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
const invalidModel = (message: string) => fail('invalid', 'ONNX_INVALID', message)

function readGraph(bytes: Uint8Array, walk: Walk, depth: number, main?: MainGraph): void {
  if (depth > MAX_DEPTH) throw invalidModel(`Graphs are nested more than ${MAX_DEPTH} deep`)
  walk.depth = Math.max(walk.depth, depth)
  for (const field of fields(bytes)) {
    if (field.number === 11 || field.number === 12) countPart(walk)
    if (field.number === 1) readNode(payload(field), walk, depth)
    else if (field.number === 2 && main) main.name = text(field)
    else if (field.number === 5) {
      const tensor = countTensor(payload(field), walk)
      main?.initializers.push(tensor)
    } else if (field.number === 11 && main) main.inputs.push(readValue(payload(field)))
    else if (field.number === 12 && main) main.outputs.push(readValue(payload(field)))
    else if (field.number === 15) countSparse(payload(field), walk, main)
  }
}

/** A part of two bytes takes a hundred times as much once it is remembered. */
function countPart(walk: Walk): void {
  if (++walk.parts > MAX_PARTS) throw invalidModel(`The model has more than ${MAX_PARTS} nodes, tensors and names`)
}

function readNode(bytes: Uint8Array, walk: Walk, depth: number): void {
  countPart(walk)
  let op = ''
  let domain = ''
  for (const field of fields(bytes)) {
    if (field.number === 4) op = text(field)
    else if (field.number === 5) readAttribute(payload(field), walk, depth)
    else if (field.number === 7) domain = text(field)
  }
  if (op === '') throw invalidModel('A node has no operator')
  const shown = domain === 'ai.onnx' ? '' : domain
  const key = `${shown}\u0000${op}`
  const known = walk.operators.get(key)
  if (known) known.count++
  else walk.operators.set(key, { domain: shown, op, count: 1 })
  walk.nodes++
}

function readAttribute(bytes: Uint8Array, walk: Walk, depth: number): void {
  for (const field of fields(bytes)) {
    if (field.number === 5 || field.number === 10) countTensor(payload(field), walk)
    else if (field.number === 6 || field.number === 11) {
      walk.subgraphs++
      readGraph(payload(field), walk, depth + 1)
    } else if (field.number === 22 || field.number === 23) countSparse(payload(field), walk)
  }
}

function countTensor(bytes: Uint8Array, walk: Walk): Tensor {
  countPart(walk)
  const tensor = readTensor(bytes)
  walk.tensors++
  walk.bytes += tensor.bytes
  walk.largest = Math.max(walk.largest, tensor.bytes)
  walk.external ||= tensor.external
  return tensor
}

/** A sparse tensor: two dense ones for its values and indices; it is named by its values. */
function countSparse(bytes: Uint8Array, walk: Walk, main?: MainGraph): void {
  for (const field of fields(bytes)) {
    if (field.number !== 1 && field.number !== 2) continue
    const tensor = countTensor(payload(field), walk)
    if (field.number === 1) main?.initializers.push(tensor)
  }
}

function readFunction(bytes: Uint8Array, walk: Walk): void {
  let name = ''
  for (const field of fields(bytes)) {
    if (field.number === 1) name = text(field)
    else if (field.number === 7) readNode(payload(field), walk, 1)
    else if (field.number === 11) readAttribute(payload(field), walk, 1)
  }
  walk.functions.push(name)
}

function readOpset(bytes: Uint8Array, opsets: Map<string, number>): void {
  let domain = ''
  let version = 0
  for (const field of fields(bytes)) {
    if (field.number === 1) domain = text(field)
    else if (field.number === 2) version = Number(integer(field))
  }
  opsets.set(domain === 'ai.onnx' ? '' : domain, version)
}

function readEntry(bytes: Uint8Array, metadata: Map<string, string>): void {
  const parts = new Map<number, Field>()
  for (const field of fields(bytes)) parts.set(field.number, field)
  const key = parts.get(1)
  const value = parts.get(2)
  metadata.set(key ? text(key) : '', value ? text(value) : '')
}
