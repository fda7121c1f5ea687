// Exact Shapley values of tree ensembles, path-dependent (Lundberg, Erion and Lee 2018, "Consistent individualized feature
// attribution for tree ensembles"): a feature outside the coalition is averaged over by the training rows of the branches.
// Not by their algorithm of O(leaves · depth²). A Shapley value is the integral over t in [0, 1] of the gain a feature
// brings when every other one takes part with probability t (Owen 1972, "Multilinear extensions of games"); on a path that
// is a polynomial in t, so half as many Gauss points as features on the path give it exactly, and the sums over the leaves
// below a branch are shared as in Yu et al. 2022, "Linear TreeShap": O(leaves · depth / 2).
import { gaussLegendre, type Quadrature } from './quadrature.ts'
import { leafValue, type ShapTree, saysYes, type TreeModel } from './trees.ts'

export interface TreeExplainer {
  readonly width: number
  /** Average score of each output over the training rows, by the covers. */
  readonly base: Float64Array
  /**
   * Contributions of every feature to `output`, for the row that begins at `offset` of `features`, added to `into`, which
   * begins at 0. They and `base[output]` add up to the score of the row.
   */
  explain(
    features: ArrayLike<number>,
    place: { readonly offset: number; readonly output: number },
    into: Float64Array,
  ): void
}

/** A tree in the order root, all of yes, all of no, with what does not depend on the row. */
interface Prepared {
  readonly tree: ShapTree
  readonly quadrature: Quadrature
  /** Node of `tree` at each place. */
  readonly node: Int32Array
  readonly parent: Int32Array
  /** 1 where a place is reached by a yes. */
  readonly byYes: Uint8Array
  /** Nearest place above, itself included in the path, that was reached by asking the same feature; -1 for none. */
  readonly before: Int32Array
  /** The feature asked at the parent. */
  readonly asked: Int32Array
  /** Share of the rows that would come this way, by all questions about the feature on the path. */
  readonly share: Float64Array
}

export function explainTrees(model: TreeModel): TreeExplainer {
  const prepared = model.trees.map(prepare)
  const base = Float64Array.from({ length: model.outputs }, (_, output) => expected(model, output))
  const largest = prepared.reduce((most, { node }) => Math.max(most, node.length), 0)
  const points = prepared.reduce((most, { quadrature }) => Math.max(most, quadrature.nodes.length), 0)
  const scratch: Scratch = {
    product: new Float64Array(largest * points),
    sums: new Float64Array(largest * points),
    goes: new Uint8Array(largest),
    hot: new Uint8Array(largest),
  }
  return {
    width: model.width,
    base,
    explain(features, { offset, output }, into) {
      for (const one of prepared) {
        if (one.tree.output !== null && one.tree.output !== output) continue
        descend(one, features, offset, scratch)
        ascend(model, one, output, scratch, into)
      }
    },
  }
}

function expected(model: TreeModel, output: number): number {
  let sum = model.base[output]!
  for (const tree of model.trees) {
    if (tree.output !== null && tree.output !== output) continue
    let total = 0
    for (let node = 0; node < tree.feature.length; node++) {
      if (tree.feature[node]! < 0 && tree.cover[node]! > 0) {
        total += leafValue(model, tree, node, output) * (tree.cover[node]! / tree.cover[0]!)
      }
    }
    sum += total
  }
  return sum
}

function prepare(tree: ShapTree): Prepared {
  const count = tree.feature.length
  const made = {
    node: new Int32Array(count),
    parent: new Int32Array(count).fill(-1),
    byYes: new Uint8Array(count),
    before: new Int32Array(count).fill(-1),
    asked: new Int32Array(count).fill(-1),
    share: new Float64Array(count).fill(1),
  }
  const distinct = new Uint16Array(count)
  const waiting: { node: number; parent: number; byYes: number }[] = [{ node: 0, parent: -1, byYes: 0 }]
  let places = 0
  let most = 1
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const at = places++
    const { node, parent, byYes } = next
    made.node[at] = node
    made.parent[at] = parent
    made.byYes[at] = byYes
    if (parent >= 0) {
      const above = made.node[parent]!
      const asked = tree.feature[above]!
      const before = lastAsked(made, parent, asked)
      made.asked[at] = asked
      made.before[at] = before
      const share = tree.cover[above]! > 0 ? tree.cover[node]! / tree.cover[above]! : 0
      made.share[at] = before < 0 ? share : share * made.share[before]!
      distinct[at] = distinct[parent]! + Number(before < 0)
      most = Math.max(most, distinct[at]!)
    }
    if (tree.feature[node]! >= 0) {
      waiting.push({ node: tree.no[node]!, parent: at, byYes: 0 }, { node: tree.yes[node]!, parent: at, byYes: 1 })
    }
  }
  return { tree, quadrature: gaussLegendre(Math.ceil(most / 2)), ...made }
}

function lastAsked({ asked, parent }: Pick<Prepared, 'asked' | 'parent'>, from: number, feature: number): number {
  for (let at = from; at > 0; at = parent[at]!) if (asked[at] === feature) return at
  return -1
}

interface Scratch {
  /** [place · points + point]: product over the features of the path of: share·(1−t), and t more where the row goes. */
  readonly product: Float64Array
  /** The same, of leaf value times product over the leaves below. */
  readonly sums: Float64Array
  /** Whether the row says yes at the place. */
  readonly goes: Uint8Array
  /** Whether the row goes this way at every question about the feature on the path. */
  readonly hot: Uint8Array
}

/** From the root: where the row goes, and the products. */
function descend(prepared: Prepared, features: ArrayLike<number>, offset: number, scratch: Scratch): void {
  const { tree, node, parent, byYes, before, share } = prepared
  const { nodes: t } = prepared.quadrature
  const { product, sums, goes, hot } = scratch
  const points = t.length
  for (let q = 0; q < points; q++) product[q] = 1
  for (let at = 0; at < node.length; at++) {
    const own = node[at]!
    const feature = tree.feature[own]!
    if (feature >= 0) {
      goes[at] = Number(saysYes(tree, own, features[offset + feature]!))
      for (let q = at * points; q < (at + 1) * points; q++) sums[q] = 0
    }
    if (at === 0) continue
    const above = parent[at]!
    const last = before[at]!
    const came = goes[above] === byYes[at]
    const z = share[at]!
    const to = at * points
    const from = above * points
    if (last < 0) {
      hot[at] = Number(came)
      if (came) for (let q = 0; q < points; q++) product[to + q] = product[from + q]! * (z + (1 - z) * t[q]!)
      else for (let q = 0; q < points; q++) product[to + q] = product[from + q]! * (z - z * t[q]!)
      continue
    }
    const y = share[last]!
    if (hot[last] === 0) {
      hot[at] = 0
      const ratio = y > 0 ? z / y : 0
      for (let q = 0; q < points; q++) product[to + q] = product[from + q]! * ratio
    } else {
      hot[at] = Number(came)
      const o = hot[at]!
      for (let q = 0; q < points; q++) {
        product[to + q] = (product[from + q]! * (z + (o - z) * t[q]!)) / (y + (1 - y) * t[q]!)
      }
    }
  }
}

/**
 * To the root: each branch gives its feature the gain over the leaves below it, and takes back what the last branch with
 * the same feature above gave for them.
 */
function ascend(
  model: TreeModel,
  prepared: Prepared,
  output: number,
  { product, sums, hot }: Scratch,
  into: Float64Array,
): void {
  const { tree, node, parent, before, asked, share } = prepared
  const { nodes: t, weights: w } = prepared.quadrature
  const points = t.length
  for (let at = node.length - 1; at > 0; at--) {
    const own = node[at]!
    const from = at * points
    if (tree.feature[own]! < 0) {
      const value = leafValue(model, tree, own, output)
      for (let q = from; q < from + points; q++) sums[q] = value * product[q]!
    }
    let gain = gainOf(hot[at]!, share[at]!)
    const last = before[at]!
    if (last >= 0) gain -= gainOf(hot[last]!, share[last]!)
    into[asked[at]!]! += gain
    const to = parent[at]! * points
    for (let q = 0; q < points; q++) sums[to + q]! += sums[from + q]!

    function gainOf(isHot: number, z: number): number {
      let sum = 0
      if (isHot === 0) for (let q = 0; q < points; q++) sum -= (w[q]! * sums[from + q]!) / (1 - t[q]!)
      else for (let q = 0; q < points; q++) sum += (w[q]! * (1 - z) * sums[from + q]!) / (z + (1 - z) * t[q]!)
      return sum
    }
  }
}
