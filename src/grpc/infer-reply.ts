// ModelInferResponse, written from tensors straight into bytes: raw where the request was, else typed lists.
import type { InferReply } from '../core/data-plane.ts'
import { classify, labelsOf } from '../core/oip/classification.ts'
import { datatypeOf } from '../core/oip/datatypes.ts'
import { toRaw } from '../core/oip/raw.ts'
import type { Tensor } from '../core/tensors.ts'
import { writeContents } from './contents.ts'
import type { GrpcInferRequest } from './infer-request.ts'
import { WireWriter } from './wire.ts'

type Asked = Pick<GrpcInferRequest, 'id' | 'outputs' | 'raw'>

export function writeInferReply({ model, outputs }: InferReply, { id, outputs: wishes, raw }: Asked): WireWriter {
  const wanted = wishes ?? Object.keys(outputs).map((name) => ({ name, classification: undefined }))
  const tensors = wanted.map(({ name, classification }): [string, Tensor] => {
    const tensor = outputs[name]!
    if (classification === undefined) return [name, tensor]
    return [name, classify({ name, tensor, labels: labelsOf(model.signature, name) }, classification)]
  })
  // All of them raw or none is the rule, and FP16 can only be raw.
  const asRaw = raw || tensors.some(([, { type }]) => type === 'float16')
  const writer = new WireWriter().text(1, model.modelName).text(2, model.version).text(3, id)
  for (const [name, tensor] of tensors) {
    const output = new WireWriter().text(1, name).text(2, datatypeOf(tensor.type).name).ints(3, tensor.dims)
    const contents = asRaw ? undefined : writeContents(tensor)
    if (contents) output.message(5, contents)
    writer.message(5, output)
  }
  if (asRaw) for (const [, tensor] of tensors) writer.bytes(6, toRaw(tensor))
  return writer
}

export function writeStreamReply(reply: WireWriter): Buffer {
  return new WireWriter().message(2, reply).finish()
}

/** The id comes along, so that the asker can tell which of its requests failed. */
export function writeStreamError(message: string, head: { readonly model: string; readonly id: string }): Buffer {
  return new WireWriter().text(1, message).message(2, new WireWriter().text(1, head.model).text(3, head.id)).finish()
}
