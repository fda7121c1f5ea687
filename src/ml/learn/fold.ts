// Makes a sparse matrix smaller without changing what an L2-penalised model can learn from it. All columns that are
// non-zero only in one and the same row act through their weighted sum alone, and rotating them onto one column keeps
// ‖β‖; in text two columns in three are of that kind. L-BFGS takes the same steps in rotated coordinates. The other
// columns are put in order of use, so that the weights most often read share cache lines and pages.
import type { DenseMatrix, SparseMatrix } from '../matrix.ts'

export interface FoldedMatrix {
  readonly matrix: SparseMatrix
  /** Weights of the original columns, [column · classes + class], from those of the folded ones. */
  unfold(parameters: Float64Array, classes: number): Float64Array
}

/** Not for L1 penalties, which a rotation changes. */
export function foldColumns(source: SparseMatrix): FoldedMatrix {
  const { rows, cols, offsets, indices, values } = source
  const counts = new Uint32Array(cols)
  for (let i = 0; i < indices.length; i++) counts[indices[i]!]!++
  const { places, shared } = placesByUse(counts)
  const kept = new Uint32Array(rows + 1)
  const newIndices = new Uint32Array(indices.length)
  const newValues = new Float32Array(indices.length)
  const norms = new Float64Array(rows)
  let filled = 0
  let width = shared
  for (let row = 0; row < rows; row++) {
    let square = 0
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++) {
      const column = indices[i]!
      const value = values[i]!
      if (counts[column] === 1) {
        square += value * value
        places[column] = width
        continue
      }
      newIndices[filled] = places[column]!
      newValues[filled++] = value
    }
    if (square > 0) {
      norms[row] = Math.sqrt(square)
      newIndices[filled] = width++
      newValues[filled++] = norms[row]!
    }
    kept[row + 1] = filled
  }
  const matrix: SparseMatrix = {
    form: 'csr',
    rows,
    cols: width,
    offsets: kept,
    indices: newIndices.subarray(0, filled),
    values: newValues.subarray(0, filled),
  }
  return { matrix, unfold: (parameters, classes) => unfold(source, { counts, places, norms }, { parameters, classes }) }
}

/** Columns used in more than one row get the first places, the most used one place 0. */
function placesByUse(counts: Uint32Array): { places: Uint32Array; shared: number } {
  const order = new Uint32Array(counts.length)
  let shared = 0
  for (let column = 0; column < counts.length; column++) if (counts[column]! > 1) order[shared++] = column
  const used = order.subarray(0, shared).sort((a, b) => counts[b]! - counts[a]! || a - b)
  const places = new Uint32Array(counts.length)
  for (let place = 0; place < shared; place++) places[used[place]!] = place
  return { places, shared }
}

interface Folding {
  readonly counts: Uint32Array
  readonly places: Uint32Array
  readonly norms: Float64Array
}

function unfold(
  { rows, cols, offsets, indices, values }: SparseMatrix,
  { counts, places, norms }: Folding,
  { parameters, classes }: { parameters: Float64Array; classes: number },
): Float64Array {
  const out = new Float64Array(cols * classes)
  const copy = (column: number, factor: number) => {
    const from = places[column]! * classes
    const to = column * classes
    for (let k = 0; k < classes; k++) out[to + k] = factor * parameters[from + k]!
  }
  for (let column = 0; column < cols; column++) if (counts[column]! > 1) copy(column, 1)
  for (let row = 0; row < rows; row++) {
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++) {
      if (counts[indices[i]!] === 1 && values[i] !== 0) copy(indices[i]!, values[i]! / norms[row]!)
    }
  }
  return out
}

/** A dense matrix with fewer non-zero values than this share is faster as a sparse one (one-hot columns). */
const SPARSE_SHARE = 0.35

/** The sparse form of a dense matrix, undefined where more than `share` of its values are not zero: there dense is the better form. */
export function sparsify({ rows, cols, values }: DenseMatrix, share = SPARSE_SHARE): SparseMatrix | undefined {
  const limit = Math.floor(values.length * share)
  let count = 0
  for (let i = 0; i < values.length && count <= limit; i++) if (values[i] !== 0) count++
  if (count > limit) return undefined
  const offsets = new Uint32Array(rows + 1)
  const indices = new Uint32Array(count)
  const kept = new Float32Array(count)
  let filled = 0
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < cols; column++) {
      const value = values[row * cols + column]!
      if (value === 0) continue
      indices[filled] = column
      kept[filled++] = value
    }
    offsets[row + 1] = filled
  }
  return { form: 'csr', rows, cols, offsets, indices, values: kept }
}
