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
import type { ReadRequest, WantedOutput } from './request.ts'

export interface WrittenReply {
  /** Parts, where they are too large to be copied into one. */
  readonly body: string | Buffer | readonly Uint8Array[]
  /** Bytes of JSON, where raw tensors follow it. */
  readonly headerLength: number | undefined
}

type Wishes = Pick<ReadRequest, 'id' | 'outputs' | 'binaryOutputs'>

/** A promise where the JSON is long: others have their turn while it is written. */
export function writeReply(reply: InferReply, wishes: Wishes): WrittenReply | Promise<WrittenReply> {
  const { model, outputs } = reply
  const { id, binaryOutputs } = wishes
  const wanted =
    wishes.outputs ?? Object.keys(outputs).map((name) => ({ name, binary: binaryOutputs, classification: undefined }))
  const head =
    `{"model_name":${JSON.stringify(model.modelName)},"model_version":${JSON.stringify(model.version)},` +
    `${id === undefined ? '' : `"id":${JSON.stringify(id)},`}"outputs":[`
  let values = 0
  for (const { name, binary } of wanted) if (!binary) values += outputs[name]!.data.length
  if (values > AT_ONCE_VALUES) return writeInTurns(head, wanted, reply)
  const raw: Uint8Array[] = []
  let json = head
  for (const one of wanted) {
    if (json.length > head.length) json += ','
    json += outputJson(one, tensorOf(one, reply), raw)
  }
  json += ']}'
  if (raw.length === 0) return { body: json, headerLength: undefined }
  const parts = [Buffer.from(json), ...raw]
  const headerLength = parts[0]!.length
  return { body: byteLengthOf(parts) < LARGE_BYTES ? Buffer.concat(parts) : parts, headerLength }
}

/** These are written in some twenty milliseconds. */
const AT_ONCE_VALUES = 50_000
const PIECE_CHARACTERS = 1024 * 1024

/** In pieces, because no text is as long as tensors can be. */
async function writeInTurns(head: string, wanted: readonly WantedOutput[], reply: InferReply): Promise<WrittenReply> {
  const parts: Uint8Array[] = []
  const raw: Uint8Array[] = []
  let text = head
  for (const [index, one] of wanted.entries()) {
    const tensor = tensorOf(one, reply)
    const { data } = tensor
    if (index > 0) text += ','
    if (one.binary || data.length <= AT_ONCE_VALUES) {
      text += outputJson(one, tensor, raw)
      if (text.length < PIECE_CHARACTERS) continue
      await nextTurn()
      parts.push(Buffer.from(text))
      text = ''
      continue
    }
    text += `${headOf(one.name, tensor)}"data":[`
    for (let from = 0; from < data.length; from += AT_ONCE_VALUES) {
      await nextTurn()
      const part = { ...tensor, data: data.slice(from, from + AT_ONCE_VALUES) as Tensor['data'] }
      parts.push(Buffer.from(`${text}${from === 0 ? '' : ','}${dataJson(one.name, part).slice(1, -1)}`))
      text = ''
    }
    text += ']}'
  }
  parts.push(Buffer.from(`${text}]}`))
  return { body: [...parts, ...raw], headerLength: raw.length === 0 ? undefined : byteLengthOf(parts) }
}

function tensorOf({ name, classification }: WantedOutput, { model, outputs }: InferReply): Tensor {
  const tensor = outputs[name]!
  return classification === undefined
    ? tensor
    : classify({ name, tensor, labels: labelsOf(model.signature, name) }, classification)
}

export function byteLengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0)
}

/** Appends the raw bytes of a binary output to `raw`. */
function outputJson({ name, binary }: WantedOutput, tensor: Tensor, raw: Uint8Array[]): string {
  if (!binary) return `${headOf(name, tensor)}"data":${dataJson(name, tensor)}}`
  const bytes = toRaw(tensor)
  raw.push(bytes)
  return `${headOf(name, tensor)}"parameters":{"binary_data_size":${bytes.byteLength}}}`
}

function headOf(name: string, { type, dims }: Tensor): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(type).name}","shape":[${dims.join(',')}],`
}
