// Columns of the training matrix, however it is kept.
import type { Matrix, SparseMatrix } from '../../matrix.ts'

/** Columns from `first` on, one after the other, as many as fit into `into`. */
export type ReadColumns = (first: number, into: Float32Array) => void

export function columnReader(matrix: Matrix): ReadColumns {
  return matrix.form === 'csr' ? sparseColumns(matrix) : denseColumns(matrix)
}

function denseColumns({ cols, rows, values }: Matrix): ReadColumns {
  return (first, into) => {
    const count = into.length / rows
    for (let row = 0; row < rows; row++) {
      const own = row * cols + first
      for (let j = 0; j < count; j++) into[j * rows + row] = values[own + j]!
    }
  }
}

function sparseColumns({ rows: count, cols, offsets, indices, values }: SparseMatrix): ReadColumns {
  const starts = new Uint32Array(cols + 1)
  for (const column of indices) starts[column + 1]!++
  for (let j = 0; j < cols; j++) starts[j + 1]! += starts[j]!
  const next = starts.slice()
  const rows = new Uint32Array(indices.length)
  const sorted = new Float32Array(indices.length)
  for (let row = 0; row < count; row++) {
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++) {
      const at = next[indices[i]!]!++
      rows[at] = row
      sorted[at] = values[i]!
    }
  }
  return (first, into) => {
    into.fill(0)
    for (let j = 0; j < into.length / count; j++) {
      const [from, to] = [starts[first + j]!, starts[first + j + 1]!]
      for (let i = from; i < to; i++) into[j * count + rows[i]!] = sorted[i]!
    }
  }
}
