// Raw mode (`Inference-Header-Content-Length: 0`): the body is the one input of the model and nothing else, so its shape is
// found out from the model and the number of bytes; the outputs come back in binary.
import { fail } from '../../core/failure.ts'
import { datatypeOf, shapeOf, tensorInvalid } from '../../core/oip/datatypes.ts'
import { decodeText, fromRaw } from '../../core/oip/raw.ts'
import type { OpenInference } from '../../core/open-inference.ts'
import type { TensorInfo } from '../../core/tensors.ts'
import type { Asked } from './infer.ts'
import type { ReadRequest } from './request.ts'

/** @throws `invalid` where the model has several inputs, or the bytes leave its shape open. */
export async function readRawInput(plane: OpenInference, { call, model }: Asked, body: Buffer): Promise<ReadRequest> {
  const { inputs } = await plane.describe(call, model)
  const [input] = inputs
  if (!input || inputs.length > 1) {
    const why = `"${model.model}" has ${inputs.length} inputs; a raw request fits models of exactly one`
    throw fail('invalid', 'RAW_REQUEST_UNFIT', why)
  }
  const tensor = input.type === 'string' ? wholeText(input, body) : numbers(input, body)
  return {
    id: undefined,
    inputs: { [input.name]: tensor },
    outputs: undefined,
    binaryOutputs: true,
    priority: undefined,
    timeoutMs: undefined,
  }
}

/** The body is the element itself, as it is; no length stands before it. */
function wholeText({ name, dims: open }: TensorInfo, body: Buffer) {
  const shape = shapeOf(open)
  const dims = shape.map((dim) => (dim === -1 ? 1 : dim))
  if (dims.some((dim) => dim !== 1)) {
    throw tensorInvalid(name, `has the shape [${shape.join(', ')}]; a raw request carries one element of BYTES`)
  }
  const data = [decodeText(name, body, 0)]
  return { type: 'string', dims, data } as const
}

/** The first axis is that of the rows: where another is open too, one row is meant. */
function numbers({ name, type, dims: declared }: TensorInfo, body: Buffer) {
  const shape = shapeOf(declared)
  const datatype = datatypeOf(type)
  const open = shape.filter((dim) => dim === -1).length
  const dims = open > 1 && shape[0] === -1 ? [1, ...shape.slice(1)] : [...shape]
  const still = dims.indexOf(-1)
  if (still >= 0) {
    const fixed = dims.reduce((product, dim) => (dim === -1 ? product : product * dim), datatype.bytes)
    const rest = body.length / fixed
    if (open > 2 || dims.indexOf(-1, still + 1) >= 0 || !Number.isSafeInteger(rest)) {
      throw tensorInvalid(name, `cannot have the shape [${shape.join(', ')}] in a raw request of ${body.length} bytes`)
    }
    dims[still] = rest
  }
  const count = dims.reduce((product, dim) => product * dim, 1)
  return fromRaw({ name, datatype, shape: dims, count }, body)
}
