// A part of the rows, to start from: with many rows for each weight, the minimum over a tenth of them lies close to the
// minimum over all, and the curvature learned there holds too. The search over all rows then needs a few passes.
import { type Random, seededRandom } from '../../core/random.ts'
import type { Matrix } from '../matrix.ts'
import type { FitInput } from './learner.ts'

const SHARE = 0.1
const MIN_ROWS = 4000
const ROWS_PER_COLUMN = 20

/**
 * Rows to start from, ascending, drawn with the seed; undefined where a start would not pay: fewer than a few thousand
 * rows, or so few for each column that a part of them would say little about all.
 */
export function startingRows({ rows, cols }: Matrix, seed: number): Uint32Array | undefined {
  const count = Math.max(MIN_ROWS, ROWS_PER_COLUMN * cols, Math.round(SHARE * rows))
  if (count > rows / 3) return undefined
  return draw(rows, count, seededRandom(seed))
}

/** Selection sampling: every row in turn with the chance that fills the sample exactly (Knuth, algorithm 3.4.2 S). */
function draw(rows: number, count: number, random: Random): Uint32Array {
  const drawn = new Uint32Array(count)
  let filled = 0
  for (let row = 0; row < rows && filled < count; row++) {
    if (random.next() * (rows - row) < count - filled) drawn[filled++] = row
  }
  return drawn
}

/** Without the rows of weight 0: they are not there to be learned from, nor to judge by. */
export function rowsThatCount(input: FitInput): FitInput {
  const { matrix, target, sampleWeights } = input
  if (!sampleWeights || sampleWeights.every((weight) => weight > 0)) return input
  const rows = Uint32Array.from(sampleWeights.keys()).filter((row) => sampleWeights[row]! > 0)
  return {
    ...input,
    matrix: selectMatrixRows(matrix, rows),
    target:
      target.task === 'classification'
        ? { ...target, labels: Int32Array.from(rows, (row) => target.labels[row]!) }
        : { ...target, values: Float64Array.from(rows, (row) => target.values[row]!) },
    sampleWeights: Float64Array.from(rows, (row) => sampleWeights[row]!),
  }
}

export function selectMatrixRows(matrix: Matrix, chosen: Uint32Array): Matrix {
  const { cols } = matrix
  if (matrix.form === 'dense') {
    const values = new Float32Array(chosen.length * cols)
    chosen.forEach((row, i) => {
      values.set(matrix.values.subarray(row * cols, (row + 1) * cols), i * cols)
    })
    return { form: 'dense', rows: chosen.length, cols, values }
  }
  const offsets = new Uint32Array(chosen.length + 1)
  chosen.forEach((row, i) => {
    offsets[i + 1] = offsets[i]! + matrix.offsets[row + 1]! - matrix.offsets[row]!
  })
  const indices = new Uint32Array(offsets[chosen.length]!)
  const values = new Float32Array(offsets[chosen.length]!)
  chosen.forEach((row, i) => {
    indices.set(matrix.indices.subarray(matrix.offsets[row]!, matrix.offsets[row + 1]!), offsets[i]!)
    values.set(matrix.values.subarray(matrix.offsets[row]!, matrix.offsets[row + 1]!), offsets[i]!)
  })
  return { form: 'csr', rows: chosen.length, cols, offsets, indices, values }
}
