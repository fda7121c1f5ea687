// Rows put together from two others, tensor by tensor: whatever a column holds (numbers, text, one place of a vector), it is
// copied as it is, never converted.
import type { Coalition } from '../../../ml/explain/shapley.ts'
import type { Tensor, Tensors } from '../../../runtime/index.ts'
import type { Layout } from '../../models/index.ts'

type Values = { [index: number]: unknown; readonly length: number }

/** The rows named, in that order. */
export function pickRows(tensors: Tensors, rows: readonly number[]): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const width = widthOf(tensor)
      const data = emptyLike(tensor, rows.length * width)
      rows.forEach((row, i) => {
        for (let j = 0; j < width; j++) data[i * width + j] = tensor.data[row * width + j]
      })
      return [name, { ...tensor, dims: [rows.length, ...tensor.dims.slice(1)], data: data as Tensor['data'] }]
    }),
  )
}

/** `count` rows from `start` on. */
export function sliceRows(tensors: Tensors, start: number, count: number): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const width = widthOf(tensor)
      const data = tensor.data.slice(start * width, (start + count) * width)
      return [name, { ...tensor, dims: [count, ...tensor.dims.slice(1)], data }]
    }),
  )
}

export interface Mixing {
  readonly layout: Layout
  /** The one row explained. */
  readonly row: Tensors
  readonly background: Tensors
}

/** One row for each coalition; a player is the column of that position. */
export function mixRows({ layout, row, background }: Mixing, coalitions: readonly Coalition[]): Tensors {
  const mixed: Record<string, Tensor> = {}
  layout.tensors.forEach(({ name }, index) => {
    const own = row[name]!
    const other = background[name]!
    const width = widthOf(own)
    const data = emptyLike(own, coalitions.length * width)
    coalitions.forEach((coalition, i) => {
      for (let j = 0; j < width; j++) data[i * width + j] = other.data[coalition.row * width + j]
    })
    layout.slots.forEach(({ tensor, offset }, player) => {
      if (tensor !== index) return
      coalitions.forEach(({ members }, i) => {
        if (members[player] === 1) data[i * width + offset] = own.data[offset]
      })
    })
    mixed[name] = { ...own, dims: [coalitions.length, ...own.dims.slice(1)], data: data as Tensor['data'] }
  })
  return mixed
}

/** Whether a column holds the same in the row explained and in a row of the background. */
export function sameCell({ layout, row, background }: Mixing, at: number, player: number): boolean {
  const { tensor, offset } = layout.slots[player]!
  const { name, width } = layout.tensors[tensor]!
  return Object.is(row[name]!.data[offset], background[name]!.data[at * width + offset])
}

function widthOf({ dims }: Tensor): number {
  return dims.slice(1).reduce((product, length) => product * length, 1)
}

function emptyLike({ data }: Tensor, length: number): Values {
  if (Array.isArray(data)) return new Array<string>(length).fill('')
  const made = data.constructor as new (length: number) => Values
  return new made(length)
}
