// What an ensemble says about encoded rows: the sum of its leaves in 64 bits, then its link.
import type { Matrix } from '../../matrix.ts'
import type { Scores } from '../learner.ts'
import type { Tree, TreeEnsemble } from './ensemble.ts'

export function predictTrees(ensemble: TreeEnsemble, matrix: Matrix): Scores {
  const { base, trees } = ensemble
  const outputs = base.length
  const values = new Float64Array(matrix.rows * outputs)
  const walks = trees.map(walker)
  const row = new Float32Array(matrix.cols)
  for (let i = 0; i < matrix.rows; i++) {
    readRow(matrix, i, row)
    const own = values.subarray(i * outputs, (i + 1) * outputs)
    own.set(base)
    for (let t = 0; t < trees.length; t++) own[trees[t]!.output]! += walks[t]!(row)
  }
  return linked(ensemble, { rows: matrix.rows, width: outputs, values })
}

function readRow(matrix: Matrix, i: number, into: Float32Array): void {
  if (matrix.form === 'dense') {
    into.set(matrix.values.subarray(i * matrix.cols, (i + 1) * matrix.cols))
    return
  }
  into.fill(0)
  for (let at = matrix.offsets[i]!; at < matrix.offsets[i + 1]!; at++) into[matrix.indices[at]!] = matrix.values[at]!
}

/** The leaf a row falls into. */
export function leafOf(tree: Tree, sets: readonly (ReadonlySet<number> | undefined)[], row: Float32Array): number {
  const { feature, threshold, missingLeft, left, right } = tree
  let node = 0
  while (feature[node]! >= 0) {
    const value = row[feature[node]!]!
    const set = sets[node]
    const goesLeft = set ? set.has(value) : Number.isNaN(value) ? missingLeft[node] === 1 : value <= threshold[node]!
    node = goesLeft ? left[node]! : right[node]!
  }
  return node
}

export function categorySets({ categories }: Tree): (ReadonlySet<number> | undefined)[] {
  return categories.map((own) => own && new Set(own))
}

function walker(tree: Tree): (row: Float32Array) => number {
  const sets = categorySets(tree)
  return (row) => tree.value[leafOf(tree, sets, row)]!
}

function linked({ link }: TreeEnsemble, { rows, width, values }: Scores): Scores {
  if (link === 'identity') return { rows, width, values }
  if (link === 'exp') return { rows, width, values: values.map(Math.exp) }
  if (link === 'share' && width === 1) return pairs(values, (score) => [1 - score, score])
  if (link === 'sigmoid') return pairs(values, (score) => [1 / (1 + Math.exp(score)), 1 / (1 + Math.exp(-score))])
  for (let i = 0; i < rows; i++) {
    const own = values.subarray(i * width, (i + 1) * width)
    if (link === 'softmax') {
      const top = own.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY)
      for (let k = 0; k < width; k++) own[k] = Math.exp(own[k]! - top)
    }
    const sum = own.reduce((total, score) => total + score, 0)
    for (let k = 0; k < width; k++) own[k]! /= sum
  }
  return { rows, width, values }
}

function pairs(scores: Float64Array, pair: (score: number) => readonly [number, number]): Scores {
  const values = new Float64Array(2 * scores.length)
  for (const [i, score] of scores.entries()) values.set(pair(score), 2 * i)
  return { rows: scores.length, width: 2, values }
}
