// Smaller copies of a model: INT8 weights with inputs quantized as they flow, or FP16 weights that are widened when the file
// is loaded. The file is rewritten; nothing is trained and no data is looked at, so what it costs must be measured.
import type { Precision } from '../../../contract/quantization.ts'
import { fail, type MlError } from '../../../core/failure.ts'
import { FLOAT16_MAX, toFloat16 } from '../../../core/float16.ts'
import { inspectModel, type ModelSummary } from '../inspect.ts'
import { ELEMENT_TYPES } from '../types.ts'
import { Activations } from './activations.ts'
import { GraphEdit } from './edit.ts'
import { LEAST_WEIGHTS, type Rewriting, ruleFor } from './int8.ts'

export interface QuantizedModel {
  readonly bytes: Uint8Array
  /** Operator → nodes whose weights were quantized; for fp16 what they are stored as. */
  readonly operators: Readonly<Record<string, number>>
  /** Weights (numbers, not tensors) that are stored smaller now. */
  readonly weights: number
  /** Why nodes that could have been quantized were not, with their number. */
  readonly kept: readonly { readonly operator: string; readonly reason: string; readonly nodes: number }[]
}

/** The first version of ONNX's own operators that has everything the INT8 nodes need. */
const LEAST_OPSET = 11
const QUANTIZED = new Set([
  ...['MatMulInteger', 'ConvInteger', 'QLinearMatMul', 'QLinearConv', 'QuantizeLinear', 'DequantizeLinear'],
  ...['DynamicQuantizeLinear', 'DynamicQuantizeMatMul', 'MatMulIntegerToFloat', 'QAttention', 'QGemm', 'MatMulNBits'],
])
const TREES = new Set(['TreeEnsemble', 'TreeEnsembleClassifier', 'TreeEnsembleRegressor'])

/**
 * @throws `malformed` when the bytes are no ONNX file; `invalid` MODEL_ALREADY_QUANTIZED, or MODEL_NOT_QUANTIZABLE with the
 * reason: no stored float32 weights of at least 1,024 numbers where an operator could use them, or an operator set too old.
 */
export function quantizeModel(bytes: Uint8Array, precision: Precision): QuantizedModel {
  const summary = inspectModel(bytes)
  refuseQuantized(summary)
  const made = precision === 'int8' ? toInt8(bytes, summary) : toFp16(bytes)
  if (made.weights === 0) throw nothingToQuantize(summary, made.kept)
  return made
}

function toInt8(bytes: Uint8Array, { opsets }: ModelSummary): QuantizedModel {
  const edit = new GraphEdit(bytes)
  const opset = opsets[''] ?? opsets['ai.onnx'] ?? 0
  const rewriting: Rewriting = { edit, opset, activations: new Activations(edit, opset), stored: new Map() }
  const operators: Record<string, number> = {}
  const kept = new Map<string, number>()
  let weights = 0
  for (const node of edit.graph.nodes) {
    const rule = ruleFor(node)
    if (!rule) continue
    const outcome =
      opset < LEAST_OPSET
        ? { kept: `the file uses operator set ${opset}; INT8 needs ${LEAST_OPSET} or later: export it anew` }
        : rule(rewriting, node)
    if (!outcome) continue
    if ('kept' in outcome) {
      const key = `${node.op}\u0000${outcome.kept}`
      kept.set(key, (kept.get(key) ?? 0) + 1)
      continue
    }
    operators[node.op] = (operators[node.op] ?? 0) + 1
    weights += outcome.weights
  }
  return { bytes: weights > 0 ? edit.finish() : bytes, operators, weights, kept: listed(kept) }
}

function listed(kept: ReadonlyMap<string, number>): QuantizedModel['kept'] {
  return [...kept].map(([key, nodes]) => {
    const [operator = '', reason = ''] = key.split('\u0000')
    return { operator, reason, nodes }
  })
}

/** Every large float32 tensor, whoever reads it. ONNX Runtime widens them once, when it loads the file. */
function toFp16(bytes: Uint8Array): QuantizedModel {
  const edit = new GraphEdit(bytes)
  const kept = new Map<string, number>()
  const made = new Set<string>()
  let weights = 0
  const constants = edit.graph.nodes.filter(({ op }) => op === 'Constant').flatMap(({ outputs }) => outputs)
  for (const name of [...edit.graph.initializers.keys(), ...constants]) {
    const weight = edit.weight(name)
    if (!weight || weight.data.length < LEAST_WEIGHTS) continue
    if (!weight.data.every((value) => Math.abs(value) <= FLOAT16_MAX)) {
      const key = 'weights\u0000they hold numbers beyond 65504, the largest of 16 bits'
      kept.set(key, (kept.get(key) ?? 0) + 1)
      continue
    }
    const data = Uint16Array.from(weight.data, toFloat16)
    const stored = edit.constant('weights', { type: 'float16', dims: weight.dims, data })
    const attributes = { to: { int: ELEMENT_TYPES.float32 } }
    edit.exchangeWeight(name, edit.node({ op: 'Cast', inputs: [stored], outputs: [name], attributes }).message)
    made.add(name)
    weights += weight.data.length
  }
  const operators: Record<string, number> = { Cast: made.size }
  return { bytes: weights > 0 ? edit.finish(made) : bytes, operators, weights, kept: listed(kept) }
}

function refuseQuantized({ operators, initializers }: ModelSummary): void {
  const found = operators.find(({ op }) => QUANTIZED.has(op))
  const how = found
    ? `it has ${found.count} ${found.op}`
    : initializers.some(({ dtype, bytes }) => dtype === 'float16' && bytes >= 2 * LEAST_WEIGHTS)
      ? 'its weights are stored as FP16'
      : undefined
  if (how === undefined) return
  const message = `The model is quantized already: ${how}. Quantize the version it was made from`
  throw fail('invalid', 'MODEL_ALREADY_QUANTIZED', message)
}

function nothingToQuantize({ operators }: ModelSummary, kept: QuantizedModel['kept']): MlError {
  const tree = operators.find(({ op }) => TREES.has(op))
  const [first] = kept
  const reason = tree
    ? `it is made of trees (${tree.op}), which compare and add, and have no weights to multiply by`
    : first
      ? `of its ${first.operator} nodes ${first.nodes} cannot be quantized: ${first.reason}`
      : `no operator of it multiplies by ${LEAST_WEIGHTS} or more stored weights`
  return fail('invalid', 'MODEL_NOT_QUANTIZABLE', `The model cannot be quantized: ${reason}`, { details: { kept } })
}
