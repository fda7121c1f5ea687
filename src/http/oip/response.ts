// The reply to an inference request: JSON written by hand (its shape is known, and this is the hot path), followed by the
// raw tensors of the outputs that were asked for in binary.
import type { InferReply } from '../../core/data-plane.ts'
import { LARGE_BYTES } from '../../core/memory.ts'
import { classify, labelsOf } from '../../core/oip/classification.ts'
import { datatypeOf } from '../../core/oip/datatypes.ts'
import { toRaw } from '../../core/oip/raw.ts'
import type { Tensor } from '../../core/tensors.ts'
import { dataJson } from './json-tensor.ts'
import type { ReadRequest, WantedOutput } from './request.ts'

export interface WrittenReply {
  /** Parts, where they are too large to be copied into one. */
  readonly body: string | Buffer | readonly Uint8Array[]
  /** Bytes of JSON, where raw tensors follow it. */
  readonly headerLength: number | undefined
}

type Wishes = Pick<ReadRequest, 'id' | 'outputs' | 'binaryOutputs'>

export function writeReply(
  { model, outputs }: InferReply,
  { id, outputs: wishes, binaryOutputs }: Wishes,
): WrittenReply {
  const raw: Uint8Array[] = []
  const wanted =
    wishes ?? Object.keys(outputs).map((name) => ({ name, binary: binaryOutputs, classification: undefined }))
  let list = ''
  for (const one of wanted) {
    const values = outputs[one.name]!
    const tensor =
      one.classification === undefined
        ? values
        : classify({ name: one.name, tensor: values, labels: labelsOf(model.signature, one.name) }, one.classification)
    list += (list === '' ? '' : ',') + outputJson(one, tensor, raw)
  }
  const json =
    `{"model_name":${JSON.stringify(model.modelName)},"model_version":${JSON.stringify(model.version)},` +
    `${id === undefined ? '' : `"id":${JSON.stringify(id)},`}"outputs":[${list}]}`
  if (raw.length === 0) return { body: json, headerLength: undefined }
  const parts = [Buffer.from(json), ...raw]
  const headerLength = parts[0]!.length
  return { body: byteLengthOf(parts) < LARGE_BYTES ? Buffer.concat(parts) : parts, headerLength }
}

export function byteLengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0)
}

/** Appends the raw bytes of a binary output to `raw`. */
function outputJson({ name, binary }: WantedOutput, tensor: Tensor, raw: Uint8Array[]): string {
  const head = `{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(tensor.type).name}","shape":[${tensor.dims.join(',')}],`
  if (!binary) return `${head}"data":${dataJson(name, tensor)}}`
  const bytes = toRaw(tensor)
  raw.push(bytes)
  return `${head}"parameters":{"binary_data_size":${bytes.byteLength}}}`
}
