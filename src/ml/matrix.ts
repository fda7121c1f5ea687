// The training matrix: rows of features as the encoding graph produced them, dense or compressed by rows.

export interface DenseMatrix {
  readonly form: 'dense'
  readonly rows: number
  readonly cols: number
  /** Row-major, rows × cols. */
  readonly values: Float32Array
}

export interface SparseMatrix {
  readonly form: 'csr'
  readonly rows: number
  readonly cols: number
  /** rows + 1 offsets into `indices` and `values`. */
  readonly offsets: Uint32Array
  readonly indices: Uint32Array
  readonly values: Float32Array
}

export type Matrix = DenseMatrix | SparseMatrix
