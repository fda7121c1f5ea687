// The reply to an inference request: JSON written by hand (its shape is known, and this is the hot path), followed by the
// raw tensors of the outputs that were asked for in binary.
import type { InferReply } from '../../core/data-plane.ts'
import { LARGE_BYTES } from '../../core/memory.ts'
import { classify, labelsOf } from '../../core/oip/classification.ts'
import { datatypeOf } from '../../core/oip/datatypes.ts'
import { toRaw } from '../../core/oip/raw.ts'
import type { Tensor } from '../../core/tensors.ts'
import { nextTurn } from '../../core/turns.ts'
import { dataJson } from './json-tensor.ts'
import type { ReadRequest } from './request.ts'

export interface WrittenReply {
  /** Parts, where they are too large to be copied into one. */
  readonly body: string | Buffer | readonly Uint8Array[]
  /** Bytes of JSON, where raw tensors follow it. */
  readonly headerLength: number | undefined
}

type Wishes = Pick<ReadRequest, 'id' | 'outputs' | 'binaryOutputs'>

/** A promise where the JSON is long: others have their turn while it is written. */
export function writeReply(
  { model, outputs }: InferReply,
  { id, outputs: wishes, binaryOutputs }: Wishes,
): WrittenReply | Promise<WrittenReply> {
  const wanted =
    wishes ?? Object.keys(outputs).map((name) => ({ name, binary: binaryOutputs, classification: undefined }))
  let values = 0
  const list = wanted.map(({ name, binary, classification }): Written => {
    const whole = outputs[name]!
    const tensor =
      classification === undefined
        ? whole
        : classify({ name, tensor: whole, labels: labelsOf(model.signature, name) }, classification)
    if (!binary) values += tensor.data.length
    return { name, tensor, raw: binary ? toRaw(tensor) : undefined }
  })
  const head =
    `{"model_name":${JSON.stringify(model.modelName)},"model_version":${JSON.stringify(model.version)},` +
    `${id === undefined ? '' : `"id":${JSON.stringify(id)},`}"outputs":[`
  if (values > AT_ONCE_VALUES) return writeInTurns(head, list)
  const json = `${head}${list.map(outputJson).join(',')}]}`
  const raw = list.flatMap(({ raw }) => raw ?? [])
  if (raw.length === 0) return { body: json, headerLength: undefined }
  const parts = [Buffer.from(json), ...raw]
  const headerLength = parts[0]!.length
  return { body: byteLengthOf(parts) < LARGE_BYTES ? Buffer.concat(parts) : parts, headerLength }
}

/** These are written in some twenty milliseconds. */
const AT_ONCE_VALUES = 50_000
const PIECE_CHARACTERS = 1024 * 1024

interface Written {
  readonly name: string
  readonly tensor: Tensor
  /** None where it goes as JSON. */
  readonly raw: Uint8Array | undefined
}

/** In pieces, because no text is as long as tensors can be. */
async function writeInTurns(head: string, list: readonly Written[]): Promise<WrittenReply> {
  const parts: Uint8Array[] = []
  let text = head
  for (const [index, one] of list.entries()) {
    const { name, tensor, raw } = one
    const { data } = tensor
    if (index > 0) text += ','
    if (raw !== undefined || data.length <= AT_ONCE_VALUES) {
      text += outputJson(one)
      if (text.length < PIECE_CHARACTERS) continue
      await nextTurn()
      parts.push(Buffer.from(text))
      text = ''
      continue
    }
    text += `${headOf(one)}"data":[`
    for (let from = 0; from < data.length; from += AT_ONCE_VALUES) {
      await nextTurn()
      const part = { ...tensor, data: data.slice(from, from + AT_ONCE_VALUES) as Tensor['data'] }
      parts.push(Buffer.from(`${text}${from === 0 ? '' : ','}${dataJson(name, part).slice(1, -1)}`))
      text = ''
    }
    text += ']}'
  }
  parts.push(Buffer.from(`${text}]}`))
  const raw = list.flatMap(({ raw }) => raw ?? [])
  return { body: [...parts, ...raw], headerLength: raw.length === 0 ? undefined : byteLengthOf(parts) }
}

export function byteLengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0)
}

function outputJson(one: Written): string {
  const { name, tensor, raw } = one
  if (raw === undefined) return `${headOf(one)}"data":${dataJson(name, tensor)}}`
  return `${headOf(one)}"parameters":{"binary_data_size":${raw.byteLength}}}`
}

function headOf({ name, tensor: { type, dims } }: Written): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(type).name}","shape":[${dims.join(',')}],`
}
