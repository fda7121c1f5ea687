// What an ensemble says about encoded rows: the sum of its leaves in 64 bits, then its link. The trees lie in one set of arrays
// and are taken one after the other, each over a block of rows, so that a tree stays in the cache while it is used.
import type { Matrix } from '../../matrix.ts'
import type { Scores } from '../learner.ts'
import type { Tree, TreeEnsemble } from './ensemble.ts'

export type PredictTrees = (matrix: Matrix) => Scores

/** Rows taken at once. */
const BLOCK = 512

export function treePredictor(ensemble: TreeEnsemble): PredictTrees {
  const flat = flatten(ensemble.trees)
  const { base } = ensemble
  const outputs = base.length
  return (matrix) => {
    const { rows, cols } = matrix
    const values = new Float64Array(rows * outputs)
    for (let row = 0; row < rows; row++) values.set(base, row * outputs)
    const unpacked = matrix.form === 'csr' ? new Float32Array(BLOCK * cols) : undefined
    for (let from = 0; from < rows; from += BLOCK) {
      const count = Math.min(BLOCK, rows - from)
      if (matrix.form === 'csr') unpack(matrix, from, unpacked!.subarray(0, count * cols))
      const cells = unpacked ?? (matrix.values.subarray(from * cols, (from + count) * cols) as Float32Array)
      const sums = values.subarray(from * outputs, (from + count) * outputs)
      for (const [t, { output }] of ensemble.trees.entries()) {
        addTree(flat, flat.roots[t]!, { cells, count, cols, sums, outputs, output })
      }
    }
    return linked(ensemble, { rows, width: outputs, values })
  }
}

interface FlatTrees {
  readonly roots: Int32Array
  /** -1 for a leaf. */
  readonly feature: Int32Array
  readonly threshold: Float32Array
  readonly missingLeft: Uint8Array
  /** Where a category split's bits start in `bits`; -1 for a number split. */
  readonly firstBits: Int32Array
  /** Categories a category split knows. */
  readonly knownBits: Int32Array
  readonly bits: Uint8Array
  readonly left: Int32Array
  readonly right: Int32Array
  readonly value: Float32Array
}

function flatten(trees: readonly Tree[]): FlatTrees {
  const count = trees.reduce((sum, tree) => sum + tree.feature.length, 0)
  const widest = (set: Int32Array | undefined) => (set ? (set.at(-1) ?? -1) + 1 : 0)
  const bitCount = trees.reduce((sum, tree) => sum + tree.categories.reduce((own, set) => own + widest(set), 0), 0)
  const flat: FlatTrees = {
    roots: new Int32Array(trees.length),
    feature: new Int32Array(count),
    threshold: new Float32Array(count),
    missingLeft: new Uint8Array(count),
    firstBits: new Int32Array(count).fill(-1),
    knownBits: new Int32Array(count),
    bits: new Uint8Array(bitCount),
    left: new Int32Array(count),
    right: new Int32Array(count),
    value: new Float32Array(count),
  }
  let first = 0
  let bit = 0
  for (const [t, tree] of trees.entries()) {
    flat.roots[t] = first
    flat.feature.set(tree.feature, first)
    flat.threshold.set(tree.threshold, first)
    flat.missingLeft.set(tree.missingLeft, first)
    flat.value.set(tree.value, first)
    for (const [node, set] of tree.categories.entries()) {
      flat.left[first + node] = first + tree.left[node]!
      flat.right[first + node] = first + tree.right[node]!
      if (!set) continue
      flat.firstBits[first + node] = bit
      flat.knownBits[first + node] = widest(set)
      for (const category of set) flat.bits[bit + category] = 1
      bit += widest(set)
    }
    first += tree.feature.length
  }
  return flat
}

interface Block {
  /** [row][feature]. */
  readonly cells: Float32Array
  readonly count: number
  readonly cols: number
  /** [row][output], added to. */
  readonly sums: Float64Array
  readonly outputs: number
  readonly output: number
}

function addTree(flat: FlatTrees, root: number, { cells, count, cols, sums, outputs, output }: Block): void {
  const { feature, threshold, missingLeft, firstBits, knownBits, bits, left, right, value } = flat
  for (let row = 0, base = 0, at = output; row < count; row++, base += cols, at += outputs) {
    let node = root
    for (let own = feature[node]!; own >= 0; own = feature[node]!) {
      const cell = cells[base + own]!
      let goesLeft: boolean
      const set = firstBits[node]!
      if (set >= 0) goesLeft = cell >= 0 && cell < knownBits[node]! && bits[set + cell] === 1
      else goesLeft = cell <= threshold[node]! || (missingLeft[node] === 1 && Number.isNaN(cell))
      node = goesLeft ? left[node]! : right[node]!
    }
    sums[at]! += value[node]!
  }
}

/** Sparse rows from `from` on, as many as fit into `into`, one after the other. */
function unpack(matrix: Matrix & { form: 'csr' }, from: number, into: Float32Array): void {
  const { cols, offsets, indices, values } = matrix
  into.fill(0)
  for (let row = 0; row < into.length / cols; row++) {
    for (let at = offsets[from + row]!; at < offsets[from + row + 1]!; at++)
      into[row * cols + indices[at]!] = values[at]!
  }
}

function linked({ link }: TreeEnsemble, { rows, width, values }: Scores): Scores {
  if (link === 'identity') return { rows, width, values }
  if (link === 'exp') return { rows, width, values: values.map(Math.exp) }
  // Shares of leaves in 32 bits may add up to a little more than 1.
  if (link === 'share' && width === 1) return pairs(values, (score) => [Math.max(0, 1 - score), Math.min(1, score)])
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
