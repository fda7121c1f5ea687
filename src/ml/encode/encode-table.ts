// Runs a table through its encoding graph, some rows at a time, and collects the training matrix. Rows are taken in the
// order of their text's length: a batch is padded to its longest text, and one long cell must not stretch short ones.
import { fail } from '../../core/failure.ts'
import type { DenseMatrix, Matrix, SparseMatrix } from '../matrix.ts'
import type { Table } from '../table.ts'
import type { Encoding, TrainingPart } from './encoding.ts'
import { type Feeds, rowFeeds } from './feeds.ts'

/** Runs the training graph: feeds by input name → the fetched outputs by name. */
export type RunGraph = (feeds: Feeds, fetches: readonly string[]) => Promise<Readonly<Record<string, FetchedTensor>>>

export interface FetchedTensor {
  readonly dims: readonly number[]
  readonly data: unknown
}

/** Numbers in the rows of one batch: 4 MB; 1 to 8 MB differed by no more than a busy machine. */
const BATCH_NUMBERS = 1 << 20
const BATCH_ROWS = 4096
/** Characters of one batch when all its texts are as long as the longest. */
const BATCH_CHARACTERS = 1 << 18

/**
 * The features of every row of `table`, in its order: CSR when `encoding.sparse`, else dense. `run` executes the graph of
 * `encoding.trainingGraph()`; between batches the event loop is free and `options.signal` is heard.
 */
export async function encodeTable(
  encoding: Encoding,
  table: Table,
  run: RunGraph,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Matrix> {
  const { parts } = encoding.trainingGraph()
  const fetches = parts.flatMap((part) => (part.form === 'dense' ? [part.output] : [part.ids, part.values]))
  const collect = encoding.sparse ? collectSparse(encoding.width, table.rows) : collectDense(encoding.width, table.rows)
  for (const rows of batches(encoding, table)) {
    options.signal?.throwIfAborted()
    const outputs = await run(rowFeeds(table, encoding.inputs, rows), fetches)
    collect.add(
      rows,
      parts.map((part) => batchPart(part, outputs)),
    )
  }
  return collect.finish()
}

type BatchPart = { readonly offset: number; readonly width: number } & (
  | { readonly form: 'dense'; readonly values: Float32Array }
  | { readonly form: 'pairs'; readonly ids: BigInt64Array; readonly values: Float32Array; readonly places: number }
)

interface Collect {
  add(rows: Uint32Array, parts: readonly BatchPart[]): void
  finish(): Matrix
}

function batchPart(part: TrainingPart, outputs: Readonly<Record<string, FetchedTensor>>): BatchPart {
  const { offset, width } = part
  if (part.form === 'dense') return { form: 'dense', offset, width, values: floats(outputs, part.output) }
  const ids = outputs[part.ids]
  if (!(ids?.data instanceof BigInt64Array)) throw wrongOutput(part.ids)
  return { form: 'pairs', offset, width, ids: ids.data, values: floats(outputs, part.values), places: ids.dims[1] ?? 0 }
}

function floats(outputs: Readonly<Record<string, FetchedTensor>>, name: string): Float32Array {
  const data = outputs[name]?.data
  if (!(data instanceof Float32Array)) throw wrongOutput(name)
  return data
}

const wrongOutput = (name: string) => fail('internal', 'ENCODING_OUTPUT', `The encoding graph gave no usable "${name}"`)

function* batches(encoding: Encoding, table: Table): Generator<Uint32Array> {
  const lengths = textLengths(encoding, table)
  const order = Uint32Array.from({ length: table.rows }, (_, row) => row)
  if (lengths) order.sort((a, b) => lengths[a]! - lengths[b]! || a - b)
  const most = Math.max(1, Math.min(BATCH_ROWS, Math.floor(BATCH_NUMBERS / encoding.width)))
  for (let start = 0; start < order.length; ) {
    let end = start + 1
    while (end < order.length && end - start < most) {
      const longest = lengths ? lengths[order[end]!]! : 0
      if (longest * (end - start + 1) > BATCH_CHARACTERS) break
      end++
    }
    yield order.subarray(start, end)
    start = end
  }
}

/** Characters of the longest text of every row; null when there are no text columns. */
function textLengths(encoding: Encoding, table: Table): Float64Array | null {
  let lengths: Float64Array | null = null
  for (const input of encoding.inputs) {
    const column = table.columns.get(input.name)
    if (column?.form !== 'text') continue
    lengths ??= new Float64Array(table.rows)
    for (let row = 0; row < table.rows; row++) lengths[row] = Math.max(lengths[row]!, column.values[row]?.length ?? 0)
  }
  return lengths
}

function collectDense(cols: number, rows: number): Collect {
  const values = new Float32Array(rows * cols)
  return {
    add: (batch, parts) => {
      for (const part of parts) {
        if (part.form !== 'dense') throw fail('internal', 'ENCODING_OUTPUT', 'Pairs in a dense encoding')
        for (let i = 0; i < batch.length; i++) {
          const row = part.values.subarray(i * part.width, (i + 1) * part.width)
          values.set(row, batch[i]! * cols + part.offset)
        }
      }
    },
    finish: (): DenseMatrix => ({ form: 'dense', rows, cols, values }),
  }
}

function collectSparse(cols: number, rows: number): Collect {
  let indices = new Uint32Array(1 << 16)
  let values = new Float32Array(1 << 16)
  let used = 0
  const starts = new Uint32Array(rows)
  const counts = new Uint32Array(rows)
  const scratch = new Float32Array(cols)
  const reserve = (more: number) => {
    if (used + more <= indices.length) return
    const size = Math.max(indices.length * 2, used + more)
    const [olderIndices, olderValues] = [indices, values]
    indices = new Uint32Array(size)
    values = new Float32Array(size)
    indices.set(olderIndices)
    values.set(olderValues)
  }
  const put = (index: number, value: number) => {
    if (value === 0 || scratch[index] !== 0) return
    scratch[index] = value
    indices[used++] = index
  }
  const addRow = (i: number, parts: readonly BatchPart[]) => {
    for (const part of parts) {
      if (part.form === 'dense') {
        reserve(part.width)
        for (let j = 0; j < part.width; j++) put(part.offset + j, part.values[i * part.width + j]!)
      } else {
        reserve(part.places)
        for (let at = i * part.places; at < (i + 1) * part.places; at++) {
          const value = part.values[at]!
          if (value === 0) continue
          const id = Number(part.ids[at]!)
          if (id < part.width) put(part.offset + id, value)
        }
      }
    }
  }
  return {
    add: (batch, parts) => {
      for (let i = 0; i < batch.length; i++) {
        const start = used
        addRow(i, parts)
        indices.subarray(start, used).sort()
        for (let at = start; at < used; at++) {
          const index = indices[at]!
          values[at] = scratch[index]!
          scratch[index] = 0
        }
        starts[batch[i]!] = start
        counts[batch[i]!] = used - start
      }
    },
    finish: () => inOrder(cols, { starts, counts, indices, values, used }),
  }
}

interface Gathered {
  readonly starts: Uint32Array
  readonly counts: Uint32Array
  readonly indices: Uint32Array
  readonly values: Float32Array
  readonly used: number
}

function inOrder(cols: number, { starts, counts, indices, values, used }: Gathered): SparseMatrix {
  const rows = starts.length
  const offsets = new Uint32Array(rows + 1)
  const sorted = { indices: new Uint32Array(used), values: new Float32Array(used) }
  for (let row = 0; row < rows; row++) {
    const [start, end, to] = [starts[row]!, starts[row]! + counts[row]!, offsets[row]!]
    sorted.indices.set(indices.subarray(start, end), to)
    sorted.values.set(values.subarray(start, end), to)
    offsets[row + 1] = to + counts[row]!
  }
  return { form: 'csr', rows, cols, offsets, ...sorted }
}
