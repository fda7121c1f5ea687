// The columns of a matrix that belong to one of several encodings side by side: in memory, and as a node of a graph.
import { slice } from '../../encode/block.ts'
import type { FeatureInfo } from '../../features.ts'
import type { Matrix, SparseMatrix } from '../../matrix.ts'
import type { GraphBuilder, Value } from '../../onnx/graph.ts'

export interface Columns {
  readonly start: number
  readonly end: number
}

/** Where a part lies; everything, where features are not divided into parts. */
export function columnsOf(features: readonly FeatureInfo[], part: number): Columns {
  const start = features.findIndex((feature) => feature.part === part)
  if (start < 0) return { start: 0, end: features.length }
  return { start, end: features.findLastIndex((feature) => feature.part === part) + 1 }
}

export function selectColumns(matrix: Matrix, { start, end }: Columns): Matrix {
  if (start === 0 && end === matrix.cols) return matrix
  return matrix.form === 'csr' ? selectSparse(matrix, { start, end }) : selectDense(matrix, { start, end })
}

function selectDense({ rows, cols, values }: Matrix, { start, end }: Columns): Matrix {
  const width = end - start
  const own = new Float32Array(rows * width)
  for (let row = 0; row < rows; row++) own.set(values.subarray(row * cols + start, row * cols + end), row * width)
  return { form: 'dense', rows, cols: width, values: own }
}

/** Indices ascend within a row. */
function selectSparse({ rows, offsets, indices, values }: SparseMatrix, { start, end }: Columns): Matrix {
  const kept = new Uint32Array(rows + 1)
  const inside = (at: number) => indices[at]! >= start && indices[at]! < end
  for (let row = 0; row < rows; row++) {
    let count = 0
    for (let at = offsets[row]!; at < offsets[row + 1]!; at++) if (inside(at)) count++
    kept[row + 1] = kept[row]! + count
  }
  const own = { indices: new Uint32Array(kept[rows]!), values: new Float32Array(kept[rows]!) }
  let to = 0
  for (let at = 0; at < offsets[rows]!; at++) {
    if (!inside(at)) continue
    own.indices[to] = indices[at]! - start
    own.values[to++] = values[at]!
  }
  return { form: 'csr', rows, cols: end - start, offsets: kept, ...own }
}

export function sliceColumns(graph: GraphBuilder, features: Value, { start, end }: Columns, width: number): Value {
  return start === 0 && end === width ? features : slice(graph, features, { axis: 1, start, end })
}
