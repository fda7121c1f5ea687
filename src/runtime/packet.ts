// Tensors as bytes in memory that two threads share. A packet is copied once on its way to a worker, which runs the
// model on the shared bytes themselves; cloning the same tensors through a message costs about 15 µs more per call.
import { fail, type MlError } from '../core/failure.ts'
import { type Feeds, isRow, type Row, tensorsOf, widthOf } from './row.ts'
import { ARRAY_CLASS, isStrings, type NumericType } from './tensors.ts'
import type { Tensor, TensorInfo, TypedArray } from './types.ts'

/** Shared memory with a view of every element type, made once and used for every packet that fits. */
export interface Area {
  readonly buffer: SharedArrayBuffer
  readonly ints: Int32Array
  readonly doubles: Float64Array
  readonly bytes: Buffer
  readonly views: Record<NumericType, TypedArray>
}

export function openArea(buffer: SharedArrayBuffer): Area {
  const views = {} as Record<NumericType, TypedArray>
  for (const type of Object.keys(ARRAY_CLASS) as NumericType[]) views[type] = new ARRAY_CLASS[type](buffer)
  return {
    buffer,
    ints: new Int32Array(buffer),
    doubles: new Float64Array(buffer),
    bytes: Buffer.from(buffer),
    views,
  }
}

/** The same tensors of one or several requests; in the packet they stand one behind the other along the first axis. */
export type Parts = readonly [readonly Tensor[], ...(readonly Tensor[])[]]

/** What several requests of one model feed it, to be written into one packet. */
export function packetOf(feeds: readonly Feeds[]) {
  if (feeds.every(isRow)) {
    return {
      bytes: (at: number) => rowsBytes(at, feeds),
      write: (area: Area, at: number) => writeRows(area, at, feeds),
    }
  }
  const parts = feeds.map(tensorsOf) as readonly (readonly Tensor[])[] as Parts
  return {
    bytes: (at: number) => packetBytes(at, parts),
    write: (area: Area, at: number) => writeTensors(area, at, parts),
  }
}

/** Bytes that `writeTensors` needs at most, from a header that starts at `at` (in 32-bit words). */
export function packetBytes(at: number, parts: Parts): number {
  let words = at
  let bytes = 0
  for (const { dims } of parts[0]) words += 3 + dims.length
  for (const part of parts) {
    for (const tensor of part) {
      if (isStrings(tensor)) {
        bytes += 4 * tensor.data.length
        for (const text of tensor.data) bytes += 3 * text.length // UTF-8 never needs more per UTF-16 unit
      } else {
        bytes += (tensor.data as TypedArray).byteLength
      }
    }
  }
  return Math.ceil((4 * words + 8 + 8 * parts[0].length + bytes) / 8) * 8
}

/** Writes headers from word `at` on and the values behind them; the area must hold `packetBytes(at, parts)`. */
export function writeTensors(area: Area, at: number, parts: Parts): void {
  const { ints } = area
  const [first, ...rest] = parts
  let word = at
  let offset = at
  for (const { dims } of first) offset += 3 + dims.length
  offset = roundUp(4 * offset)
  for (let i = 0; i < first.length; i++) {
    const { type, dims, data } = first[i]!
    const head = word + 1
    let count = data.length
    ints[word++] = dims.length
    for (const dim of dims) ints[word++] = dim
    for (const part of rest) {
      ints[head]! += part[i]!.dims[0]!
      count += part[i]!.data.length
    }
    ints[word++] = offset
    ints[word++] = count
    const end =
      type === 'string' ? writeStrings(area, offset, { parts, i, count }) : writeNumbers(area, offset, parts, i)
    offset = roundUp(end)
  }
}

/** Bytes that `writeRows` needs at most. */
function rowsBytes(at: number, rows: readonly Row[]): number {
  const { inputs } = rows[0]!
  let words = at
  for (const { dims } of inputs) words += 3 + dims.length
  let bytes = 0
  for (const { cells } of rows) {
    for (const cell of cells) bytes += typeof cell === 'string' ? 4 + 3 * cell.length : 8
  }
  return Math.ceil((4 * words + 8 + 8 * inputs.length + bytes) / 8) * 8
}

/** As `writeTensors` of the tensors of these rows, which are of one model. */
function writeRows(area: Area, at: number, rows: readonly Row[]): void {
  const { ints } = area
  const { inputs } = rows[0]!
  let word = at
  let offset = at
  for (const { dims } of inputs) offset += 3 + dims.length
  offset = roundUp(4 * offset)
  let column = 0
  for (const input of inputs) {
    const { type, dims } = input
    const width = widthOf(input)
    ints[word++] = dims.length
    ints[word++] = rows.length
    if (dims.length > 1) ints[word++] = width
    ints[word++] = offset
    ints[word++] = rows.length * width
    const place = { offset, column, width }
    offset = roundUp(type === 'string' ? writeTexts(area, rows, place) : writeCells(area.views[type], rows, place))
    column += width
  }
}

interface Columns {
  readonly offset: number
  /** The first of those that lie side by side. */
  readonly column: number
  readonly width: number
}

function writeCells(view: TypedArray, rows: readonly Row[], { offset, column, width }: Columns): number {
  const numbers = view as Numbers
  let at = offset / view.BYTES_PER_ELEMENT
  for (const { cells } of rows) for (let i = 0; i < width; i++) numbers[at++] = cells[column + i] as number
  return at * view.BYTES_PER_ELEMENT
}

function writeTexts({ bytes, ints }: Area, rows: readonly Row[], { offset, column, width }: Columns): number {
  let word = offset / 4
  let end = offset + 4 * rows.length * width
  for (const { cells } of rows) {
    for (let i = 0; i < width; i++) {
      const length = writeText(bytes, cells[column + i] as string, end)
      ints[word++] = length
      end += length
    }
  }
  return end
}

function writeNumbers({ views }: Area, offset: number, parts: Parts, i: number): number {
  const { type } = parts[0][i]!
  const view = views[type as NumericType] as Numbers
  let at = offset / view.BYTES_PER_ELEMENT
  for (const part of parts) {
    const data = part[i]!.data as Numbers
    // A column of one row, of which a batch has hundreds: `set` takes ten times as long.
    if (data.length === 1) view[at] = data[0]!
    else view.set(data, at)
    at += data.length
  }
  return at * view.BYTES_PER_ELEMENT
}

/** Any one of them; which elements it has is no concern here. */
type Numbers = Float64Array

interface Texts {
  readonly parts: Parts
  readonly i: number
  /** Of all parts. */
  readonly count: number
}

function writeStrings({ bytes, ints }: Area, offset: number, { parts, i, count }: Texts): number {
  let word = offset / 4
  let end = offset + 4 * count
  for (const part of parts) {
    for (const text of part[i]!.data as readonly string[]) {
      const length = writeText(bytes, text, end)
      ints[word++] = length
      end += length
    }
  }
  return end
}

/** Up to this length a loop is faster than the call of the system's encoder. */
const SHORT_TEXT = 24
const FIRST_BEYOND_ASCII = 128

function writeText(bytes: Buffer, text: string, at: number): number {
  const { length } = text
  if (length > SHORT_TEXT) return bytes.write(text, at, 'utf8')
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code >= FIRST_BEYOND_ASCII) return bytes.write(text, at, 'utf8')
    bytes[at + i] = code
  }
  return length
}

/**
 * Reads one tensor per entry of `infos`. `view` leaves numbers where they lie (valid until the next packet), `copy`
 * gives them memory of their own.
 */
export function readTensors(
  area: Area,
  at: number,
  { infos, values }: { readonly infos: readonly TensorInfo[]; readonly values: 'view' | 'copy' },
): Tensor[] {
  const { ints } = area
  const tensors: Tensor[] = []
  let word = at
  for (const { type } of infos) {
    const rank = ints[word++]!
    // Of a process that runs the model of a stranger nothing is believed, least of all how much there is.
    if (!(rank >= 0 && rank < ints.length - word)) throw unreadable()
    const dims: number[] = []
    for (let axis = 0; axis < rank; axis++) dims.push(ints[word++]!)
    const offset = ints[word++]!
    const count = ints[word++]!
    const width = type === 'string' ? 4 : area.views[type].BYTES_PER_ELEMENT
    if (!(offset >= 0 && count >= 0 && offset + count * width <= area.bytes.length)) throw unreadable()
    tensors.push({ type, dims, data: readValues(area, { type, offset, count, values }) })
  }
  return tensors
}

interface Place {
  readonly type: TensorInfo['type']
  readonly offset: number
  readonly count: number
  readonly values: 'view' | 'copy'
}

function readValues(area: Area, { type, offset, count, values }: Place): Tensor['data'] {
  if (type === 'string') return readStrings(area, offset, count)
  const view = area.views[type]
  const start = offset / view.BYTES_PER_ELEMENT
  return values === 'view' ? view.subarray(start, start + count) : view.slice(start, start + count)
}

function readStrings({ bytes, ints }: Area, offset: number, count: number): string[] {
  const texts: string[] = []
  let start = offset + 4 * count
  for (let i = 0; i < count; i++) {
    const end = start + ints[offset / 4 + i]!
    if (!(end >= start && end <= bytes.length)) throw unreadable()
    texts.push(bytes.toString('utf8', start, end))
    start = end
  }
  return texts
}

function unreadable(): MlError {
  return fail('internal', 'INFERENCE_FAILED', 'The packet cannot be read: it says more than there is')
}

/** To the next multiple of 8, where every element type may begin; packets end well below 2 GB, so 32 bits do. */
function roundUp(bytes: number): number {
  return (bytes + 7) & ~7
}
