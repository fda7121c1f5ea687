// One row of a table on its way to a model: its cells in the order of the model's inputs. As tensors of one element each, a row of fourteen
// columns is fourteen objects with arrays of their own, which take longer to make, to check and to gather from the requests that run
// together than all else that is done with them here; so there are tensors of a row only where something else than a worker wants them.
import { ARRAY_CLASS } from './tensors.ts'
import type { Tensor, TensorInfo, Tensors } from './types.ts'

/** Of int64 and uint64 a BigInt, of strings a text, of all other types a number. */
export type RowCell = number | bigint | string

/** Inputs that hold columns: [N] or [N, width]. */
export class Row {
  readonly inputs: readonly TensorInfo[]
  /** Inputs of several columns have as many cells, side by side. Whoever makes a row has made sure that each fits its type. */
  readonly cells: readonly RowCell[]

  constructor(inputs: readonly TensorInfo[], cells: readonly RowCell[]) {
    this.inputs = inputs
    this.cells = cells
  }

  toTensors(): Tensors {
    const tensors: Record<string, Tensor> = {}
    let at = 0
    for (const input of this.inputs) {
      const { name, type, dims } = input
      const width = widthOf(input)
      const cells = this.cells.slice(at, at + width)
      const data = type === 'string' ? (cells as string[]) : numbersOf(type, cells)
      tensors[name] = { type, dims: dims.length === 1 ? [1] : [1, width], data }
      at += width
    }
    return tensors
  }
}

function numbersOf(type: keyof typeof ARRAY_CLASS, cells: readonly RowCell[]): Tensor['data'] {
  const { BYTES_PER_ELEMENT } = ARRAY_CLASS[type]
  const numbers = new ARRAY_CLASS[type](new ArrayBuffer(cells.length * BYTES_PER_ELEMENT))
  // Of whatever class, it takes the elements that were made for it.
  for (let i = 0; i < cells.length; i++) numbers[i] = cells[i] as number
  return numbers
}

/** Columns in an input. */
export function widthOf({ dims }: TensorInfo): number {
  return dims.length === 1 ? 1 : dims[1]!
}

/** What a run takes: tensors in the order of the model's inputs, or one row. */
export type Feeds = readonly Tensor[] | Row

export function isRow(feeds: Feeds): feeds is Row {
  return feeds instanceof Row
}

/** In the order of the model's inputs. */
export function tensorsOf(feeds: Feeds): readonly Tensor[] {
  if (!isRow(feeds)) return feeds
  const tensors = feeds.toTensors()
  return feeds.inputs.map(({ name }) => tensors[name]!)
}

/** About, as they are counted against what runs together at most. */
export function bytesOf(feeds: Feeds): number {
  let bytes = 0
  if (isRow(feeds)) {
    for (const cell of feeds.cells) bytes += typeof cell === 'string' ? 4 + cell.length : 8
    return bytes
  }
  for (const { data } of feeds) {
    if (ArrayBuffer.isView(data)) bytes += data.byteLength
    else for (const text of data) bytes += 4 + text.length
  }
  return bytes
}
