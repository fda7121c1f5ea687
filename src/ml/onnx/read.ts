// The leaves of an ONNX file: declared values and stored tensors, as far as a caller needs to know them.
import { type Field, fields, integer, integers, malformed, payload, text } from './scan.ts'
import { type Dim, ELEMENT_TYPES, type ElementType } from './types.ts'

export interface ValueInfo {
  readonly name: string
  /** What kind of value; only tensors can be fed and fetched. */
  readonly kind: 'tensor' | 'sequence' | 'map' | 'sparse_tensor' | 'optional' | 'unknown'
  /** Element type of a tensor; null when the file does not say or uses one this service does not know. */
  readonly dtype: ElementType | null
  /** A number is fixed, a name is symbolic, null is unsaid. `dims` itself is null when the file gives no shape. */
  readonly dims: readonly (Dim | null)[] | null
}

export interface Tensor {
  readonly name: string
  readonly dtype: ElementType | null
  readonly dims: readonly number[]
  /** What it will take when loaded: the larger of what the dims say and what the file holds. */
  readonly bytes: number
  /** Its data stands in another file. */
  readonly external: boolean
}

const NAMES = new Map<number, ElementType>(
  Object.entries(ELEMENT_TYPES).map(([name, number]) => [number, name as ElementType]),
)
const WIDTHS: Readonly<Record<ElementType, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  int32: 4,
  int64: 8,
  string: 32,
  bool: 1,
  float16: 2,
  float64: 8,
  uint32: 4,
  uint64: 8,
}
/** More dims than this are no tensor but an attack on whoever multiplies them. */
const MAX_RANK = 64
const KINDS = new Map<number, ValueInfo['kind']>([
  [1, 'tensor'],
  [4, 'sequence'],
  [5, 'map'],
  [8, 'sparse_tensor'],
  [9, 'optional'],
])

export function readValue(bytes: Uint8Array): ValueInfo {
  let name = ''
  let value: Omit<ValueInfo, 'name'> = { kind: 'unknown', dtype: null, dims: null }
  for (const field of fields(bytes)) {
    if (field.number === 1) name = text(field)
    else if (field.number === 2) value = readType(payload(field))
  }
  return { name, ...value }
}

function readType(bytes: Uint8Array): Omit<ValueInfo, 'name'> {
  for (const field of fields(bytes)) {
    const kind = KINDS.get(field.number)
    if (kind === 'tensor' || kind === 'sparse_tensor') return { kind, ...readTensorType(payload(field)) }
    if (kind) return { kind, dtype: null, dims: null }
  }
  return { kind: 'unknown', dtype: null, dims: null }
}

function readTensorType(bytes: Uint8Array): Pick<ValueInfo, 'dtype' | 'dims'> {
  let dtype: ElementType | null = null
  let dims: (Dim | null)[] | null = null
  for (const field of fields(bytes)) {
    if (field.number === 1) dtype = NAMES.get(Number(integer(field))) ?? null
    else if (field.number === 2) {
      dims = []
      for (const part of fields(payload(field))) if (part.number === 1) dims.push(readDim(payload(part)))
    }
  }
  if (dims && dims.length > MAX_RANK) throw malformed(`a value has ${dims.length} dimensions`)
  return { dtype, dims }
}

function readDim(bytes: Uint8Array): Dim | null {
  let dim: Dim | null = null
  for (const field of fields(bytes)) {
    if (field.number === 1) dim = Number(integer(field))
    else if (field.number === 2) dim = text(field) || null
  }
  return dim
}

export function readTensor(bytes: Uint8Array): Tensor {
  const dims: bigint[] = []
  let name = ''
  let type = 0
  let stored = 0
  let external = false
  for (const field of fields(bytes)) {
    if (field.number === 1) integers(field, dims, MAX_RANK)
    else if (field.number === 2) type = Number(integer(field))
    else if (field.number === 8) name = text(field)
    else if (field.number === 13 || (field.number === 14 && integer(field) === 1n)) external = true
    else if (isData(field)) stored += field.wire === 2 ? field.bytes.length : 8
  }
  if (dims.some((dim) => dim < 0n)) throw malformed(`tensor "${name}" has a negative dimension`)
  const dtype = NAMES.get(type) ?? null
  const count = dims.reduce((product, dim) => product * Number(dim), 1)
  const bytesLoaded = Math.max(stored, count * (dtype ? WIDTHS[dtype] : 1))
  return { name, dtype, dims: dims.map(Number), bytes: bytesLoaded, external }
}

/** float_data, int32_data, string_data, int64_data; raw_data, double_data, uint64_data. */
const isData = ({ number }: Field) => (number >= 4 && number <= 7) || (number >= 9 && number <= 11)
