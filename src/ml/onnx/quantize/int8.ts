// One rule an operator: how a node with a stored float32 weight becomes nodes with an INT8 one. Only standard operators come
// out (MatMulInteger, ConvInteger, …), so that every ONNX server can run the file; Attention alone needs com.microsoft, which
// is where it comes from. A node that a rule cannot take stays as it is, and the report says why.
import { type GraphNode, numbersOf } from '../nodes.ts'
import { ELEMENT_TYPES } from '../types.ts'
import type { Message } from '../wire.ts'
import { type Activations, isOnnx } from './activations.ts'
import type { GraphEdit } from './edit.ts'
import { type FloatTensor, type QuantizedWeights, quantizeWeights, STEPS, transposed } from './weights.ts'

/** A smaller weight saves less than its own bookkeeping costs in time. */
export const LEAST_WEIGHTS = 1024
/** Sums of more products of two values below 128 might not fit 32 bits. */
const MOST_SUMMANDS = Math.floor(2 ** 31 / (STEPS * STEPS))

export interface Rewriting {
  readonly edit: GraphEdit
  /** Version of ONNX's own operators. */
  readonly opset: number
  readonly activations: Activations
  /** Weights that were quantized already: tied weights are stored once. */
  readonly stored: Map<string, StoredWeights>
}

export interface StoredWeights {
  readonly values: string
  readonly scales: string
  readonly count: number
}

/** What became of a node: how many weights were quantized, or why it stays. */
export type Outcome = { readonly weights: number } | { readonly kept: string }

/** Undefined where there is nothing to be quantized, such as a table of class names. */
type Rule = (rewriting: Rewriting, node: GraphNode) => Outcome | undefined

const ONNX_RULES: Readonly<Record<string, Rule>> = { MatMul: matMul, Gemm: gemm, Conv: conv, Gather: gather }
const MICROSOFT_RULES: Readonly<Record<string, Rule>> = { Attention: attention }

/** Undefined where the operator has no weights that could be quantized. */
export function ruleFor(node: GraphNode): Rule | undefined {
  if (isOnnx(node)) return ONNX_RULES[node.op]
  return node.domain === 'com.microsoft' ? MICROSOFT_RULES[node.op] : undefined
}

function matMul(rewriting: Rewriting, node: GraphNode): Outcome {
  const [input = '', weights = ''] = node.inputs
  const product = productOf(rewriting, { input, weights, turned: false, factor: 1 })
  if ('kept' in product) return product
  const nodes = [...product.nodes]
  nodes.push(scaled(rewriting, product, node.outputs))
  rewriting.edit.exchange(node, nodes, [weights])
  return { weights: product.count }
}

/** alpha goes into the steps, transB is done here once; alpha · A · B + beta · C. */
function gemm(rewriting: Rewriting, node: GraphNode): Outcome {
  const { edit } = rewriting
  const [input = '', weights = '', bias = ''] = node.inputs
  const attribute = (name: string, other: number) => numbersOf(node, name)?.[0] ?? other
  if (attribute('transA', 0) !== 0) return { kept: 'its input is transposed' }
  const factor = attribute('alpha', 1)
  const product = productOf(rewriting, { input, weights, turned: attribute('transB', 0) !== 0, factor })
  if ('kept' in product) return product
  const nodes = [...product.nodes]
  if (bias === '') nodes.push(scaled(rewriting, product, node.outputs))
  else {
    const sum = edit.node({ op: 'Mul', inputs: [product.rows, product.scales] })
    let added = bias
    const beta = attribute('beta', 1)
    nodes.push(sum.message)
    if (beta !== 1) {
      const share = edit.constant('beta', { type: 'float32', dims: [], data: Float32Array.of(beta) })
      const part = edit.node({ op: 'Mul', inputs: [bias, share] })
      nodes.push(part.message)
      added = part.names[0]!
    }
    nodes.push(edit.node({ op: 'Add', inputs: [sum.names[0]!, added], outputs: node.outputs }).message)
  }
  edit.exchange(node, nodes, [weights])
  return { weights: product.count }
}

interface ProductRequest {
  readonly input: string
  readonly weights: string
  /** The weights are stored as [outputs, inputs]. */
  readonly turned: boolean
  readonly factor: number
}

interface Product {
  readonly nodes: Message[]
  /** Products times the step of their row; still to be multiplied by `scales`. */
  readonly rows: string
  readonly scales: string
  readonly count: number
}

function productOf(rewriting: Rewriting, request: ProductRequest): Product | { readonly kept: string } {
  const { edit, activations } = rewriting
  const { input, weights, turned, factor } = request
  const found = weightOf(rewriting, weights, 2)
  if (typeof found === 'string') return { kept: found }
  const summands = found.dims[turned ? 1 : 0]!
  if (summands > MOST_SUMMANDS) return { kept: `sums of ${summands} products may not fit 32 bits` }
  const stored = store(rewriting, `${turned ? 'turned ' : ''}×${factor} ${weights}`, () => {
    const upright = turned ? transposed(found) : found
    const quantized = quantizeWeights(upright, 1)
    return quantized && { ...quantized, dims: upright.dims, scaleDims: [upright.dims[1]!], factor }
  })
  if (typeof stored === 'string') return { kept: stored }
  const nodes: Message[] = []
  const { values, step, zero } = activations.quantize(input, [-1], nodes)
  const sums = edit.node({ op: 'MatMulInteger', inputs: [values, stored.values, zero] })
  const floats = edit.node({ op: 'Cast', inputs: sums.names, attributes: { to: { int: ELEMENT_TYPES.float32 } } })
  const rows = edit.node({ op: 'Mul', inputs: [floats.names[0]!, step] })
  nodes.push(sums.message, floats.message, rows.message)
  return { nodes, rows: rows.names[0]!, scales: stored.scales, count: stored.count }
}

function scaled({ edit }: Rewriting, { rows, scales }: Product, outputs: readonly string[]): Message {
  return edit.node({ op: 'Mul', inputs: [rows, scales], outputs }).message
}

function conv(rewriting: Rewriting, node: GraphNode): Outcome {
  const { edit, activations } = rewriting
  const [input = '', weights = '', bias = ''] = node.inputs
  const found = weightOf(rewriting, weights)
  if (typeof found === 'string') return { kept: found }
  const { dims } = found
  if (dims.length < 3) return { kept: 'its weights have no window' }
  const [outputs = 0, ...window] = dims
  const summands = window.reduce((product, dim) => product * dim, 1)
  if (summands > MOST_SUMMANDS) return { kept: `sums of ${summands} products may not fit 32 bits` }
  const each = [outputs, ...window.slice(1).map(() => 1)]
  // ONNX Runtime has no kernel for signed weights here: they are stored 128 higher, and the zero point says so.
  const stored = store(rewriting, `conv ${weights}`, () => {
    const quantized = quantizeWeights(found, 0)
    return quantized && { ...quantized, dims, scaleDims: each, factor: 1, unsigned: true }
  })
  if (typeof stored === 'string') return { kept: stored }
  const nodes: Message[] = []
  const axes = dims.slice(1).map((_, i) => i + 1)
  const { values, step, zero } = activations.quantize(input, axes, nodes)
  const middle = edit.constant('middle', { type: 'uint8', dims: [], data: Uint8Array.of(128) })
  const inputs = [values, stored.values, zero, middle]
  const sums = edit.node({ op: 'ConvInteger', inputs, copied: node.attributes.values() })
  const floats = edit.node({ op: 'Cast', inputs: sums.names, attributes: { to: { int: ELEMENT_TYPES.float32 } } })
  const rows = edit.node({ op: 'Mul', inputs: [floats.names[0]!, step] })
  nodes.push(sums.message, floats.message, rows.message)
  if (bias === '') {
    nodes.push(edit.node({ op: 'Mul', inputs: [rows.names[0]!, stored.scales], outputs: node.outputs }).message)
  } else {
    const plain = edit.node({ op: 'Mul', inputs: [rows.names[0]!, stored.scales] })
    const shape = edit.constant('shape', { type: 'int64', dims: [each.length], data: each })
    const spread = edit.node({ op: 'Reshape', inputs: [bias, shape] })
    const sum = edit.node({ op: 'Add', inputs: [plain.names[0]!, spread.names[0]!], outputs: node.outputs })
    nodes.push(plain.message, spread.message, sum.message)
  }
  edit.exchange(node, nodes, [weights])
  return { weights: stored.count }
}

/** A table of embeddings: the rows that are asked for are gathered as they are stored, each with its own step. */
function gather(rewriting: Rewriting, node: GraphNode): Outcome | undefined {
  const { edit } = rewriting
  const [table = '', indices = ''] = node.inputs
  if (!edit.weight(table)) return undefined
  const found = weightOf(rewriting, table)
  if (typeof found === 'string') return { kept: found }
  if ((numbersOf(node, 'axis')?.[0] ?? 0) !== 0) return { kept: 'it does not gather rows' }
  if (found.dims.length < 2) return { kept: 'it gathers single numbers' }
  const stored = store(rewriting, `rows ${table}`, () => {
    const quantized = quantizeWeights(found, 0)
    const scaleDims = found.dims.map((dim, i) => (i === 0 ? dim : 1))
    return quantized && { ...quantized, dims: found.dims, scaleDims, factor: 1 }
  })
  if (typeof stored === 'string') return { kept: stored }
  const values = edit.node({ op: 'Gather', inputs: [stored.values, indices] })
  const steps = edit.node({ op: 'Gather', inputs: [stored.scales, indices] })
  const floats = edit.node({ op: 'Cast', inputs: values.names, attributes: { to: { int: ELEMENT_TYPES.float32 } } })
  const product = edit.node({ op: 'Mul', inputs: [floats.names[0]!, steps.names[0]!], outputs: node.outputs })
  edit.exchange(node, [values.message, steps.message, floats.message, product.message], [table])
  return { weights: stored.count }
}

/**
 * The projection to queries, keys and values is a product like any other; what follows it multiplies no weights and goes to
 * MultiHeadAttention. (QAttention would be one node, but has one step for the whole batch.)
 */
function attention(rewriting: Rewriting, node: GraphNode): Outcome {
  const { edit, opset } = rewriting
  const [input = '', weights = '', bias = '', mask = '', ...more] = node.inputs
  const heads = numbersOf(node, 'num_heads')?.[0]
  const plain = node.outputs.length === 1 && !more.some((name) => name !== '')
  const others = [...node.attributes.keys()].filter((name) => !PASSED_ON.includes(name))
  const found = weightOf(rewriting, weights, 2)
  if (typeof found === 'string') return { kept: found }
  const width = found.dims[1]!
  if (opset < SPLIT_BY_INPUT) return { kept: `it needs operator set ${SPLIT_BY_INPUT}, the file uses ${opset}` }
  if (!plain || heads === undefined || others.length > 0 || width % 3 !== 0) {
    return { kept: 'it is an attention with a past, a position bias or settings of its own' }
  }
  const product = productOf(rewriting, { input, weights, turned: false, factor: 1 })
  if ('kept' in product) return product
  const projected = edit.node({ op: 'Mul', inputs: [product.rows, product.scales] })
  const sizes = edit.constant('thirds', { type: 'int64', dims: [3], data: [width / 3, width / 3, width / 3] })
  const axis = { axis: { int: -1 } }
  const parts = edit.node({ op: 'Split', inputs: [projected.names[0]!, sizes], attributes: axis }, 3)
  const inputs = [...parts.names, bias, mask]
  while (inputs.at(-1) === '') inputs.pop()
  const attend = edit.node({
    op: 'MultiHeadAttention',
    domain: 'com.microsoft',
    inputs,
    outputs: node.outputs,
    copied: node.attributes.values(),
  })
  edit.exchange(node, [...product.nodes, projected.message, parts.message, attend.message], [weights])
  return { weights: product.count }
}

/** Since then the sizes of a Split are an input. */
const SPLIT_BY_INPUT = 13
const PASSED_ON: readonly string[] = ['num_heads', 'unidirectional', 'mask_filter_value', 'scale']

interface ToStore extends QuantizedWeights {
  readonly dims: readonly number[]
  readonly scaleDims: readonly number[]
  readonly factor: number
  readonly unsigned?: boolean
}

function store({ edit, stored }: Rewriting, key: string, make: () => ToStore | undefined): StoredWeights | string {
  const known = stored.get(key)
  if (known) return { ...known, count: 0 }
  const made = make()
  if (!made) return 'its weights are not finite'
  const { values, scales, dims, scaleDims, factor, unsigned = false } = made
  const tensor = unsigned
    ? ({ type: 'uint8', dims, data: Uint8Array.from(values, (value) => value + 128) } as const)
    : ({ type: 'int8', dims, data: values } as const)
  const steps = { type: 'float32', dims: scaleDims, data: scales.map((scale) => scale * factor) } as const
  const names = { values: edit.constant('weights', tensor), scales: edit.constant('steps', steps) }
  stored.set(key, { ...names, count: values.length })
  return { ...names, count: values.length }
}

/** The weight behind a name, or why it is none. */
function weightOf({ edit }: Rewriting, name: string, rank?: number): FloatTensor | string {
  const weight = edit.weight(name)
  if (!weight) return edit.stored(name) ? 'its weights are not float32' : 'its weights are not stored in the file'
  if (rank !== undefined && weight.dims.length !== rank) return `its weights have ${weight.dims.length} dimensions`
  if (weight.data.length < LEAST_WEIGHTS) return `it has fewer than ${LEAST_WEIGHTS} weights`
  return weight
}
