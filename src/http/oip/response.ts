// The reply to an inference request: JSON written by hand (its shape is known, and this is the hot path), followed by the
// raw tensors of the outputs that were asked for in binary.
import type { InferAnswer, NamedTensor } from '../../core/data-plane.ts'
import { classify } from '../../core/oip/classification.ts'
import { datatypeOf } from '../../core/oip/datatypes.ts'
import { toRaw } from '../../core/oip/raw.ts'
import { dataJson } from './json-tensor.ts'
import type { ReadRequest, WantedOutput } from './request.ts'

export interface WrittenReply {
  readonly body: string | Buffer
  /** Bytes of JSON, where raw tensors follow it. */
  readonly headerLength: number | undefined
}

type Wishes = Pick<ReadRequest, 'id' | 'outputs' | 'binaryOutputs'>

export function writeReply(answer: InferAnswer, { id, outputs, binaryOutputs }: Wishes): WrittenReply {
  const raw: Uint8Array[] = []
  let list = ''
  for (let i = 0; i < answer.outputs.length; i++) {
    const output = answer.outputs[i]!
    const wanted = outputs?.[i] ?? { name: output.name, binary: binaryOutputs, classification: undefined }
    list += (i === 0 ? '' : ',') + outputJson(output, wanted, raw)
  }
  const json =
    `{"model_name":${JSON.stringify(answer.model)},"model_version":${JSON.stringify(answer.version)},` +
    `${id === undefined ? '' : `"id":${JSON.stringify(id)},`}"outputs":[${list}]}`
  if (raw.length === 0) return { body: json, headerLength: undefined }
  const head = Buffer.from(json)
  return { body: Buffer.concat([head, ...raw]), headerLength: head.length }
}

/** Appends the raw bytes of a binary output to `raw`. */
function outputJson(output: NamedTensor, wanted: WantedOutput, raw: Uint8Array[]): string {
  const { name, tensor: values } = output
  const tensor = wanted.classification === undefined ? values : classify(output, wanted.classification)
  const head =
    `{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(tensor.type).name}","shape":[${tensor.dims.join(',')}],`
  if (!wanted.binary) return `${head}"data":${dataJson(name, tensor)}}`
  const bytes = toRaw(tensor)
  raw.push(bytes)
  return `${head}"parameters":{"binary_data_size":${bytes.byteLength}}}`
}
