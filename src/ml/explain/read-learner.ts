// Finds in a model file the one node that decides, if it is of a kind whose scores can be taken apart exactly, and which
// columns its features are. What is read here is only believed once its answers are those of the file (see the caller).
import { type GraphNode, type ModelGraph, numbersOf, stringsOf, tensorDims, tensorNumbers } from '../onnx/nodes.ts'
import type { LinearScores } from './linear.ts'
import { readTrees } from './read-trees.ts'
import type { Link } from './scores.ts'
import type { TreeModel } from './trees.ts'

export type Learner = { readonly features: string; readonly link: Link } & (
  | { readonly kind: 'trees'; readonly trees: TreeModel }
  | { readonly kind: 'linear'; readonly linear: LinearScores }
)

const TREES = ['TreeEnsembleClassifier', 'TreeEnsembleRegressor', 'TreeEnsemble']
const LINEAR = ['LinearClassifier', 'LinearRegressor']
const PRODUCTS = ['Gemm', 'MatMul']

/** The learner, or the reason why there is none to take apart. */
export function readLearner(graph: ModelGraph): Learner | string {
  const of = (ops: readonly string[]) => graph.nodes.filter((node) => ops.includes(node.op))
  const known = of([...TREES, ...LINEAR])
  const found = known.length > 0 ? known : of(PRODUCTS)
  const [node] = found
  if (!node || found.length > 1) return 'it is neither a linear model nor an ensemble of trees'
  if (node.op === 'TreeEnsemble') return 'it does not say how many training rows its branches saw'
  const features = node.inputs[0]!
  if (TREES.includes(node.op)) {
    const read = readTrees(node)
    return typeof read === 'string' ? read : { kind: 'trees', features, ...read }
  }
  const read = LINEAR.includes(node.op) ? readLinear(node) : readProduct(graph, node)
  return typeof read === 'string' ? read : { kind: 'linear', features, ...read }
}

interface ReadLinear {
  readonly linear: LinearScores
  readonly link: Link
}

function readLinear(node: GraphNode): ReadLinear | string {
  const coefficients = numbersOf(node, 'coefficients') ?? []
  const intercepts = numbersOf(node, 'intercepts') ?? [0]
  const outputs = intercepts.length
  const width = coefficients.length / outputs
  if (!Number.isInteger(width) || width === 0) return 'its coefficients do not fit its intercepts'
  const weights = new Float64Array(coefficients.length)
  for (let output = 0; output < outputs; output++) {
    for (let j = 0; j < width; j++) weights[j * outputs + output] = coefficients[output * width + j]!
  }
  const transform = stringsOf(node, 'post_transform')?.[0] || 'NONE'
  const links: Readonly<Record<string, Link>> = {
    NONE: 'identity',
    SOFTMAX: 'softmax',
    LOGISTIC: outputs === 1 ? 'sigmoid' : 'logistic',
  }
  const link = links[transform]
  return link
    ? { linear: { width, outputs, weights, bias: intercepts }, link }
    : `it transforms its scores by ${transform}`
}

/** Gemm, or MatMul with an Add behind it, with constant weights. */
function readProduct(graph: ModelGraph, node: GraphNode): ReadLinear | string {
  const stored = graph.initializers.get(node.inputs[1] ?? '')
  const values = stored && tensorNumbers(stored)
  const dims = stored ? tensorDims(stored) : []
  if (!values || dims.length !== 2) return 'its weights are not constants'
  const number = (name: string, usual: number) => numbersOf(node, name)?.[0] ?? usual
  if (number('transA', 0) !== 0 || number('alpha', 1) !== 1 || number('beta', 1) !== 1) return 'its product is scaled'
  const turned = number('transB', 0) === 1
  const [width, outputs] = turned ? [dims[1]!, dims[0]!] : [dims[0]!, dims[1]!]
  const weights = new Float64Array(values.length)
  for (let j = 0; j < width; j++) {
    for (let k = 0; k < outputs; k++) weights[j * outputs + k] = values[turned ? k * width + j : j * outputs + k]!
  }
  const added = node.op === 'Gemm' ? node.inputs[2] : addedTo(graph, node.outputs[0]!)
  const bias = added ? graph.initializers.get(added) : undefined
  const given = (bias && tensorNumbers(bias)) ?? []
  const link = linkBehind(graph, node.outputs[0]!, outputs)
  return {
    link,
    linear: {
      width,
      outputs,
      weights,
      bias: Float64Array.from({ length: outputs }, (_, k) => given[k] ?? given[0] ?? 0),
    },
  }
}

function addedTo(graph: ModelGraph, value: string): string | undefined {
  const add = graph.nodes.find((node) => node.op === 'Add' && node.inputs.includes(value))
  return add?.inputs.find((input) => input !== value)
}

function linkBehind(graph: ModelGraph, value: string, outputs: number): Link {
  const behind = new Set<string>([value])
  let link: Link = 'identity'
  // Nodes of a graph stand in the order in which they can be computed.
  for (const node of graph.nodes) {
    if (!node.inputs.some((input) => behind.has(input))) continue
    for (const output of node.outputs) behind.add(output)
    if (node.op === 'Softmax') link = 'softmax'
    else if (node.op === 'Sigmoid') link = outputs === 1 ? 'sigmoid' : 'logistic'
    else if (node.op === 'Exp') link = 'exp'
  }
  return link
}

/** A place in a graph input: the input and the column of it. */
export interface InputPlace {
  readonly input: string
  readonly column: number
}

/** Operators that change every column by itself. */
const COLUMN_BY_COLUMN = ['Identity', 'Cast', 'Scaler', 'Imputer', 'Dropout']

/** Which column of which graph input each column of `value` is, where every step between keeps columns apart; else null. */
export function placesOf(
  graph: ModelGraph,
  value: string,
  widths: ReadonlyMap<string, number>,
): readonly InputPlace[] | null {
  const width = widths.get(value)
  if (width !== undefined) return Array.from({ length: width }, (_, column) => ({ input: value, column }))
  const node = graph.nodes.find(({ outputs }) => outputs.includes(value))
  if (!node) return null
  if (COLUMN_BY_COLUMN.includes(node.op)) return placesOf(graph, node.inputs[0]!, widths)
  const joins =
    node.op === 'FeatureVectorizer' || (node.op === 'Concat' && [1, -1].includes(numbersOf(node, 'axis')?.[0] ?? 0))
  if (!joins) return null
  const parts = node.inputs.map((input) => placesOf(graph, input, widths))
  return parts.every((part) => part !== null) ? parts.flat() : null
}
