// Trees for the tests of this folder: as the fixtures write them, and at random.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../../core/random.ts'
import { leafValue, type ShapTree, SPLIT, saysYes, type TreeModel } from './trees.ts'

interface FixtureNode {
  readonly feature?: number
  readonly threshold?: number
  readonly set?: readonly number[]
  readonly missing_yes?: boolean
  readonly yes?: number
  readonly no?: number
  readonly cover: number
  readonly leaf?: readonly number[]
}

export interface Fixture {
  readonly origin: string
  readonly trees: readonly { readonly output: number | null; readonly nodes: readonly FixtureNode[] }[]
  readonly rows: readonly (readonly (number | null)[])[]
  /** [row][output][feature]. */
  readonly contributions: readonly (readonly (readonly number[])[])[]
  /** [row][output]. */
  readonly base: readonly (readonly number[])[]
}

export function readFixture(name: string): Fixture {
  const path = join(import.meta.dirname, '../../../test/explain', `${name}.json`)
  return JSON.parse(readFileSync(path, 'utf8')) as Fixture
}

export function fixtureModel({ trees, contributions }: Fixture): TreeModel {
  const outputs = contributions[0]!.length
  return {
    width: contributions[0]![0]!.length,
    outputs,
    base: new Float64Array(outputs),
    trees: trees.map(({ nodes, output }) => treeOf(nodes, output)),
  }
}

export function treeOf(nodes: readonly FixtureNode[], output: number | null): ShapTree {
  const values =
    output === null ? nodes.flatMap((node) => node.leaf ?? nodes.find((n) => n.leaf)!.leaf!.map(() => 0)) : []
  return {
    feature: Int32Array.from(nodes, (node) => node.feature ?? -1),
    split: Uint8Array.from(nodes, (node) => (node.set ? SPLIT.member : SPLIT.leq)),
    threshold: Float64Array.from(nodes, (node) => node.threshold ?? 0),
    sets: new Map(nodes.flatMap((node, i) => (node.set ? [[i, new Set(node.set)] as const] : []))),
    missingYes: Uint8Array.from(nodes, (node) => Number(node.missing_yes ?? false)),
    yes: Int32Array.from(nodes, (node) => node.yes ?? 0),
    no: Int32Array.from(nodes, (node) => node.no ?? 0),
    cover: Float64Array.from(nodes, (node) => node.cover),
    output,
    values: output === null ? Float64Array.from(values) : Float64Array.from(nodes, (node) => node.leaf?.[0] ?? 0),
  }
}

/** A tree of the given depth at most that asks about few features, so that paths ask about the same one again. */
export function randomTree(random: Random, width: number, depth: number): ShapTree {
  const nodes: FixtureNode[] = []
  const add = (left: number, cover: number): number => {
    const at = nodes.length
    nodes.push({ cover, leaf: [random.next() * 4 - 2] })
    if (left === 0 || cover < 2 || random.next() < 0.15) return at
    const yesCover = 1 + Math.floor(random.next() * (cover - 1))
    const feature = Math.floor(random.next() * width)
    const question =
      random.next() < 0.25
        ? { set: [0, 1, 2, 3].filter(() => random.next() < 0.5) }
        : { threshold: Math.floor(random.next() * 4), missing_yes: random.next() < 0.5 }
    const yes = add(left - 1, yesCover)
    nodes[at] = { feature, cover, ...question, yes, no: add(left - 1, cover - yesCover) }
    return at
  }
  add(depth, 200)
  return treeOf(nodes, 0)
}

/** Expected score when only the features in `known` are known, as the definition of path-dependent TreeSHAP has it. */
export function expectedScore(model: TreeModel, row: readonly number[], known: ReadonlySet<number>): number {
  const below = (tree: ShapTree, node: number): number => {
    const feature = tree.feature[node]!
    if (feature < 0) return leafValue(model, tree, node, 0)
    const [yes, no] = [tree.yes[node]!, tree.no[node]!]
    if (known.has(feature)) return below(tree, saysYes(tree, node, row[feature]!) ? yes : no)
    const share = tree.cover[yes]! / tree.cover[node]!
    return share * below(tree, yes) + (1 - share) * below(tree, no)
  }
  return model.trees.reduce((sum, tree) => sum + below(tree, 0), model.base[0]!)
}

/** Shapley values by their definition, over every subset of the players. */
export function enumerateShapley(players: number, worth: (coalition: ReadonlySet<number>) => number): number[] {
  const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1))
  const worths = Array.from({ length: 2 ** players }, (_, mask) =>
    worth(new Set(Array.from({ length: players }, (_, i) => i).filter((i) => (mask >> i) & 1))),
  )
  return Array.from({ length: players }, (_, player) => {
    let sum = 0
    for (let mask = 0; mask < worths.length; mask++) {
      if ((mask >> player) & 1) continue
      const size = mask.toString(2).replaceAll('0', '').length
      const weight = (factorial(size) * factorial(players - size - 1)) / factorial(players)
      sum += weight * (worths[mask | (1 << player)]! - worths[mask]!)
    }
    return sum
  })
}
