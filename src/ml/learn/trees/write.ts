// An ensemble as one TreeEnsemble node (ai.onnx.ml 5) and its link. The operator knows inner nodes and leaves apart, a tree that
// is only a leaf therefore goes into the base score.
import type { GraphBuilder, Value } from '../../onnx/graph.ts'
import type { Attributes } from '../../onnx/types.ts'
import type { LearningTarget } from '../learner.ts'
import { writeClasses, writePair } from '../write-classes.ts'
import type { Tree, TreeEnsemble } from './ensemble.ts'

/** Modes of the operator. */
const AT_MOST = 0
const MEMBER = 6

export function writeTrees(
  graph: GraphBuilder,
  features: Value,
  model: { ensemble: TreeEnsemble; target: LearningTarget },
): void {
  const { ensemble, target } = model
  const base = Float32Array.from(ensemble.base)
  const trees = ensemble.trees.filter((tree) => tree.feature.length > 1)
  for (const { feature, output, value } of ensemble.trees) if (feature.length === 1) base[output]! += value[0]!
  const sums = graph.node('TreeEnsemble', [features], {
    domain: 'ai.onnx.ml',
    attributes: treeAttributes(trees.length > 0 ? trees : [NOTHING], base.length),
    hint: 'trees',
  })
  const start = graph.constant('base', { type: 'float32', dims: [base.length], data: base })
  const scores = graph.node('Add', [sums, start], { hint: 'scores' })
  if (target.task === 'regression') {
    const answer = ensemble.link === 'exp' ? graph.node('Exp', [scores]) : scores
    const shape = graph.constant('flat_shape', { type: 'int64', dims: [1], data: [-1] })
    graph.output('prediction', graph.node('Reshape', [answer, shape], { hint: 'flat' }), 'float32', ['N'])
    return
  }
  writeClasses(graph, writeLink(graph, scores, ensemble), target)
}

function writeLink(graph: GraphBuilder, scores: Value, { link, base }: TreeEnsemble): Value {
  if (link === 'sigmoid') return writePair(graph, scores)
  if (link === 'share' && base.length === 1) {
    const one = graph.constant('one', { type: 'float32', dims: [1], data: Float32Array.of(1) })
    const second = graph.node('Min', [scores, one], { hint: 'second' })
    const first = graph.node('Sub', [one, second], { hint: 'first' })
    return graph.node('Concat', [first, second], { attributes: { axis: { int: 1 } }, hint: 'pair' })
  }
  if (link === 'softmax') return graph.node('Softmax', [scores], { attributes: { axis: { int: 1 } }, hint: 'softmax' })
  const axis = graph.constant('axis', { type: 'int64', dims: [1], data: [1] })
  return graph.node('Div', [scores, graph.node('ReduceSum', [scores, axis])], { hint: 'shares' })
}

/** The operator wants at least one tree. */
const NOTHING: Tree = {
  output: 0,
  feature: Int32Array.of(0, -1, -1),
  threshold: new Float32Array(3),
  categories: [undefined, undefined, undefined],
  missingLeft: new Uint8Array(3),
  left: Int32Array.of(1, -1, -1),
  right: Int32Array.of(2, -1, -1),
  value: new Float32Array(3),
  cover: new Float64Array(3),
}

function treeAttributes(trees: readonly Tree[], outputs: number): Attributes {
  const nodes = new NodeLists()
  for (const tree of trees) nodes.add(tree)
  const count = nodes.features.length
  const floats = (data: readonly number[]) =>
    ({ type: 'float32', dims: [data.length], data: Float32Array.from(data) }) as const
  return {
    n_targets: { int: outputs },
    aggregate_function: { int: 1 },
    post_transform: { int: 0 },
    tree_roots: { ints: nodes.roots },
    nodes_modes: { tensor: { type: 'uint8', dims: [count], data: Uint8Array.from(nodes.modes) } },
    nodes_featureids: { ints: nodes.features },
    nodes_splits: { tensor: floats(nodes.splits) },
    nodes_truenodeids: { ints: nodes.trueIds },
    nodes_trueleafs: { ints: nodes.trueLeaves },
    nodes_falsenodeids: { ints: nodes.falseIds },
    nodes_falseleafs: { ints: nodes.falseLeaves },
    nodes_missing_value_tracks_true: { ints: nodes.missingTrue },
    leaf_targetids: { ints: nodes.leafTargets },
    leaf_weights: { tensor: floats(nodes.leafWeights) },
    ...(nodes.members.length > 0 && { membership_values: { tensor: floats(nodes.members) } }),
  }
}

/** The operator's parallel lists, over all trees. */
class NodeLists {
  readonly roots: number[] = []
  readonly modes: number[] = []
  readonly features: number[] = []
  readonly splits: number[] = []
  readonly trueIds: number[] = []
  readonly trueLeaves: number[] = []
  readonly falseIds: number[] = []
  readonly falseLeaves: number[] = []
  readonly missingTrue: number[] = []
  readonly leafTargets: number[] = []
  readonly leafWeights: number[] = []
  /** The sets of all set nodes, each ended by NaN. */
  readonly members: number[] = []

  add(tree: Tree): void {
    const places = new Int32Array(tree.feature.length)
    let inner = this.features.length
    let leaf = this.leafWeights.length
    for (let node = 0; node < places.length; node++) places[node] = tree.feature[node]! >= 0 ? inner++ : leaf++
    this.roots.push(places[0]!)
    for (let node = 0; node < places.length; node++) {
      if (tree.feature[node]! < 0) {
        this.leafTargets.push(tree.output)
        this.leafWeights.push(tree.value[node]!)
      } else this.#addInner(tree, node, places)
    }
  }

  #addInner(tree: Tree, node: number, places: Int32Array): void {
    const own = tree.categories[node]
    const [left, right] = [tree.left[node]!, tree.right[node]!]
    this.modes.push(own ? MEMBER : AT_MOST)
    this.features.push(tree.feature[node]!)
    this.splits.push(own ? 0 : tree.threshold[node]!)
    if (own) this.members.push(...own, Number.NaN)
    this.trueIds.push(places[left]!)
    this.trueLeaves.push(tree.feature[left]! < 0 ? 1 : 0)
    this.falseIds.push(places[right]!)
    this.falseLeaves.push(tree.feature[right]! < 0 ? 1 : 0)
    this.missingTrue.push(tree.missingLeft[node]!)
  }
}
