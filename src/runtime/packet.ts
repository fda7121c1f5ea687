// Tensors as bytes in memory that two threads share. A packet is copied once on its way to a worker, which runs the
// model on the shared bytes themselves; cloning the same tensors through a message costs about 15 µs more per call.
import { fail, type MlError } from '../core/failure.ts'
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
    if (type === 'string') {
      offset = roundUp(writeStrings(area, offset, parts.length === 1 ? (data as string[]) : joined(parts, i)))
    } else {
      for (const part of parts) offset = writeNumbers(area, offset, part[i]!)
      offset = roundUp(offset)
    }
  }
}

function joined(parts: Parts, i: number): string[] {
  return parts.flatMap((part) => part[i]!.data as readonly string[])
}

function writeNumbers(area: Area, offset: number, tensor: Tensor): number {
  const data = tensor.data as TypedArray
  const view = area.views[tensor.type as NumericType] as { set(values: TypedArray, at: number): void }
  view.set(data, offset / data.BYTES_PER_ELEMENT)
  return offset + data.byteLength
}

function writeStrings(area: Area, offset: number, texts: readonly string[]): number {
  let word = offset / 4
  let end = offset + 4 * texts.length
  for (const text of texts) {
    const length = area.bytes.write(text, end, 'utf8')
    area.ints[word++] = length
    end += length
  }
  return end
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
