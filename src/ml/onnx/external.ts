// Weights that a model file keeps in other files beside it, taken into the file itself: everything behind this wants one file
// that is whole, so that its digest says all there is to say. Graphs inside nodes and functions are walked as well.
import { fail } from '../../core/failure.ts'
import { MAX_DEPTH } from './inspect.ts'
import { copyField } from './rewrite.ts'
import { type Field, fields, integer, malformed, payload, text } from './scan.ts'
import { Message } from './wire.ts'

/** A part of a file beside the model: `length` bytes from `offset` on, to its end where none is said. */
interface ExternalPart {
  readonly location: string
  readonly offset: number
  readonly length: number | undefined
}

type Visit = (tensor: Uint8Array) => Message | Uint8Array

/** Names of the files a model keeps weights in, as it spells them. */
export function externalFiles(bytes: Uint8Array): string[] {
  const found = new Set<string>()
  copyModel(bytes, (tensor) => {
    const part = externalPart(tensor)
    if (part) found.add(part.location)
    return tensor
  })
  return [...found].sort()
}

/**
 * The same model with all its weights inside. `content` has every file of `externalFiles`.
 * @throws `invalid` MODEL_EXTERNAL_DATA where a part lies beyond the end of its file or is not as long as its tensor.
 */
export function embedExternal(bytes: Uint8Array, content: ReadonlyMap<string, Uint8Array>): Uint8Array {
  return copyModel(bytes, (tensor) => {
    const part = externalPart(tensor)
    if (!part) return tensor
    const file = content.get(part.location)
    if (!file) throw wrong(`the file "${part.location}" is not there`)
    const { offset, length = file.length - offset } = part
    if (offset + length > file.length || length < 0) {
      throw wrong(`"${part.location}" has ${file.length} bytes, but weights are said to end at ${offset + length}`)
    }
    return embedded(tensor, file.subarray(offset, offset + length))
  }).finish()
}

function wrong(what: string) {
  return fail('invalid', 'MODEL_EXTERNAL_DATA', `The model keeps weights in other files: ${what}`)
}

/** Fields of TensorProto: 9 raw_data, 13 external_data, 14 data_location. */
function embedded(tensor: Uint8Array, data: Uint8Array): Message {
  const copy = new Message()
  for (const field of fields(tensor)) {
    if (field.number !== 9 && field.number !== 13 && field.number !== 14) copyField(copy, field)
  }
  copy.bytes(9, data)
  return copy
}

function externalPart(tensor: Uint8Array): ExternalPart | undefined {
  const entries = new Map<string, string>()
  let external = false
  for (const field of fields(tensor)) {
    if (field.number === 14) external = integer(field) === 1n
    else if (field.number === 13) readEntry(payload(field), entries)
  }
  if (!external && entries.size === 0) return undefined
  const location = entries.get('location')
  if (location === undefined) throw malformed('a tensor in another file does not say in which')
  return { location, offset: whole(entries.get('offset')) ?? 0, length: whole(entries.get('length')) }
}

function readEntry(bytes: Uint8Array, entries: Map<string, string>): void {
  let key = ''
  let value = ''
  for (const field of fields(bytes)) {
    if (field.number === 1) key = text(field)
    else if (field.number === 2) value = text(field)
  }
  entries.set(key, value)
}

function whole(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  if (Number.isNaN(number)) throw malformed(`"${value.slice(0, 40)}" is no place in another file`)
  return number
}

/** Which fields of a message hold messages of which kind, by number. */
type Shape = Readonly<Record<number, 'tensor' | 'sparse' | 'node' | 'attribute' | 'graph' | 'training' | 'function'>>

const MODEL: Shape = { 7: 'graph', 20: 'training', 25: 'function' }
const SHAPES: Readonly<Record<Exclude<Shape[number], 'tensor'>, Shape>> = {
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
}
/** A graph in a graph is two levels further down: node, attribute. */
const MOST_LEVELS = 3 * MAX_DEPTH + 4

function copyModel(bytes: Uint8Array, visit: Visit): Message {
  return copyMessage(bytes, MODEL, { visit, levels: MOST_LEVELS })
}

function copyMessage(bytes: Uint8Array, shape: Shape, walk: { visit: Visit; levels: number }): Message {
  if (walk.levels === 0) throw fail('invalid', 'ONNX_INVALID', `Graphs are nested more than ${MAX_DEPTH} deep`)
  const copy = new Message()
  for (const field of fields(bytes)) copyInto(copy, field, shape[field.number])

  function copyInto(to: Message, field: Field, kind: Shape[number] | undefined): void {
    if (kind === undefined) copyField(to, field)
    else if (kind !== 'tensor') {
      to.message(field.number, copyMessage(payload(field), SHAPES[kind], { ...walk, levels: walk.levels - 1 }))
    } else {
      const visited = walk.visit(payload(field))
      if (visited instanceof Message) to.message(field.number, visited)
      else to.bytes(field.number, visited)
    }
  }
  return copy
}
