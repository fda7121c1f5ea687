// TreeEnsembleClassifier and TreeEnsembleRegressor (ai.onnx.ml 1 to 3) as trees that can be explained. That takes the number
// of training rows behind each node (`nodes_hitrates`), which most exporters fill with ones: then there is none to read.
import { type GraphNode, numbersOf, stringsOf } from '../onnx/nodes.ts'
import type { Link } from './scores.ts'
import { type ShapTree, SPLIT, type TreeModel } from './trees.ts'

export interface ReadTrees {
  readonly trees: TreeModel
  readonly link: Link
}

const MODES: Readonly<Record<string, number>> = {
  BRANCH_LEQ: SPLIT.leq,
  BRANCH_LT: SPLIT.lt,
  BRANCH_GTE: SPLIT.gte,
  BRANCH_GT: SPLIT.gt,
  BRANCH_EQ: SPLIT.eq,
  BRANCH_NEQ: SPLIT.neq,
}
/** Covers that the exporter rounded still add up within this share. */
const COVER_TOLERANCE = 0.01

/** The trees of a node, or the reason why they cannot be explained. */
export function readTrees(node: GraphNode): ReadTrees | string {
  const classifier = node.op === 'TreeEnsembleClassifier'
  const list = (name: string) => numbersOf(node, name) ?? numbersOf(node, `${name}_as_tensor`) ?? []
  const leaves = classifier ? 'class' : 'target'
  const ids = list(`${leaves}_ids`)
  const outputs = ids.reduce((most, id) => Math.max(most, id + 1), 1)
  const single = classifier && new Set(ids).size === 1
  const { link, why } = linkOf(node, { classifier, single })
  if (!link) return why
  const arrays: Arrays = {
    tree: list('nodes_treeids'),
    node: list('nodes_nodeids'),
    feature: list('nodes_featureids'),
    threshold: list('nodes_values'),
    mode: stringsOf(node, 'nodes_modes') ?? [],
    yes: list('nodes_truenodeids'),
    no: list('nodes_falsenodeids'),
    missingYes: list('nodes_missing_value_tracks_true'),
    cover: list('nodes_hitrates'),
    leafTree: list(`${leaves}_treeids`),
    leafNode: list(`${leaves}_nodeids`),
    leafOutput: single ? ids.map(() => 0) : ids,
    leafValue: list(`${leaves}_weights`),
    outputs: single ? 1 : outputs,
  }
  if (!hasCovers(arrays)) return 'it does not say how many training rows its branches saw'
  const trees = treesOf(arrays)
  if (!trees.every(isTree)) return 'its branches meet again, so they are no trees'
  const share = (stringsOf(node, 'aggregate_function')?.[0] ?? 'SUM') === 'AVERAGE' ? 1 / trees.length : 1
  const base = Float64Array.from({ length: arrays.outputs }, (_, i) => list('base_values')[i] ?? 0)
  const width = arrays.feature.reduce((most, feature) => Math.max(most, feature + 1), 0)
  const scaled = trees.map((tree) => ({ ...tree, values: tree.values.map((value) => value * share) }))
  return { link, trees: { width, outputs: arrays.outputs, base, trees: scaled } }
}

function linkOf(
  node: GraphNode,
  { classifier, single }: { classifier: boolean; single: boolean },
): { link?: Link; why: string } {
  const transform = stringsOf(node, 'post_transform')?.[0] || 'NONE'
  const aggregate = stringsOf(node, 'aggregate_function')?.[0] || 'SUM'
  const why = aggregate === 'MIN' || aggregate === 'MAX' ? `it takes the ${aggregate} of its trees` : ''
  if (why) return { why }
  if (transform === 'NONE') return { link: classifier && single ? 'chance' : 'identity', why }
  if (transform === 'LOGISTIC') return { link: single ? 'sigmoid' : 'logistic', why }
  if (transform === 'SOFTMAX') return { link: 'softmax', why }
  return { why: `it transforms its scores by ${transform}` }
}

interface Arrays {
  readonly tree: readonly number[]
  readonly node: readonly number[]
  readonly feature: readonly number[]
  readonly threshold: readonly number[]
  readonly mode: readonly string[]
  readonly yes: readonly number[]
  readonly no: readonly number[]
  readonly missingYes: readonly number[]
  readonly cover: readonly number[]
  readonly leafTree: readonly number[]
  readonly leafNode: readonly number[]
  readonly leafOutput: readonly number[]
  readonly leafValue: readonly number[]
  readonly outputs: number
}

function hasCovers({ tree, node, mode, cover, yes, no }: Arrays): boolean {
  if (cover.length !== node.length) return false
  const places = new Map(node.map((id, i) => [`${tree[i]}/${id}`, i]))
  return mode.every((kind, i) => {
    if (kind === 'LEAF') return cover[i]! >= 0
    const below = [yes[i], no[i]].map((id) => cover[places.get(`${tree[i]}/${id}`) ?? -1] ?? Number.NaN)
    return Math.abs(below[0]! + below[1]! - cover[i]!) <= COVER_TOLERANCE * cover[i]!
  })
}

function treesOf(arrays: Arrays): ShapTree[] {
  const members = new Map<number, number[]>()
  arrays.tree.forEach((id, i) => {
    const list = members.get(id)
    if (list) list.push(i)
    else members.set(id, [i])
  })
  const leaves = new Map<string, number[]>()
  arrays.leafTree.forEach((id, i) => {
    const key = `${id}/${arrays.leafNode[i]}`
    const list = leaves.get(key)
    if (list) list.push(i)
    else leaves.set(key, [i])
  })
  return [...members].map(([id, places]) => treeOf(arrays, places, (node) => leaves.get(`${id}/${node}`) ?? []))
}

/** Whether each node is reached once from the root: some exporters share branches, and a walk of a ring would never end. */
function isTree({ feature, yes, no }: ShapTree): boolean {
  const reached = new Uint8Array(feature.length)
  const waiting = [0]
  let count = 0
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (reached[node] === 1) return false
    reached[node] = 1
    count++
    if (feature[node]! >= 0) waiting.push(no[node]!, yes[node]!)
  }
  return count === feature.length
}

function treeOf(arrays: Arrays, places: readonly number[], leavesOf: (node: number) => readonly number[]): ShapTree {
  // The root is the one node that no other leads to; it must stand first.
  const reached = new Set(places.flatMap((i) => (arrays.mode[i] === 'LEAF' ? [] : [arrays.yes[i]!, arrays.no[i]!])))
  const root = places.find((i) => !reached.has(arrays.node[i]!)) ?? places[0]!
  const order = [root, ...places.filter((i) => i !== root)]
  const at = new Map(order.map((i, position) => [arrays.node[i]!, position]))
  const inner = (i: number) => arrays.mode[i] !== 'LEAF'
  const values = new Float64Array(order.length * arrays.outputs)
  order.forEach((i, position) => {
    for (const leaf of leavesOf(arrays.node[i]!)) {
      values[position * arrays.outputs + arrays.leafOutput[leaf]!]! += arrays.leafValue[leaf]!
    }
  })
  return {
    feature: Int32Array.from(order, (i) => (inner(i) ? arrays.feature[i]! : -1)),
    split: Uint8Array.from(order, (i) => MODES[arrays.mode[i]!] ?? 0),
    threshold: Float64Array.from(order, (i) => arrays.threshold[i] ?? 0),
    sets: new Map(),
    missingYes: Uint8Array.from(order, (i) => arrays.missingYes[i] ?? 0),
    yes: Int32Array.from(order, (i) => at.get(arrays.yes[i]!) ?? 0),
    no: Int32Array.from(order, (i) => at.get(arrays.no[i]!) ?? 0),
    cover: Float64Array.from(order, (i) => arrays.cover[i]!),
    output: null,
    values,
  }
}
