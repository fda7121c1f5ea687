// An inference request of the Open Inference Protocol over HTTP, read from its bytes: JSON, or JSON followed by raw tensors.
// What the request says of its reply (binary or not, classification) is kept beside it. A field that is null is one that is not
// there: that is how clients that write whole objects leave one out.
import { isUtf8 } from 'node:buffer'
import { fail } from '../../core/failure.ts'
import { parseJson } from '../../core/json.ts'
import { readJsonInTurns } from '../../core/json-in-turns.ts'
import { checkedCount, datatypeNamed, tensorInvalid } from '../../core/oip/datatypes.ts'
import { parameterNumber, parametersOf, timeoutMsOf } from '../../core/oip/parameters.ts'
import { fromRaw } from '../../core/oip/raw.ts'
import { refuseSharedMemory } from '../../core/oip/settings.ts'
import type { Tensor } from '../../core/tensors.ts'
import { parseLossless } from '../json.ts'
import { fromJson, hasRounded } from './json-tensor.ts'

export interface WantedOutput {
  readonly name: string
  readonly binary: boolean
  /** How many of the highest values, instead of the values. */
  readonly classification: number | undefined
}

export interface ReadRequest {
  readonly id: string | undefined
  readonly inputs: Readonly<Record<string, Tensor>>
  /** None: every output. */
  readonly outputs: readonly WantedOutput[] | undefined
  /** For outputs that say nothing themselves. */
  readonly binaryOutputs: boolean
  readonly priority: number | undefined
  readonly timeoutMs: number | undefined
}

/**
 * A promise where the JSON is long: others have their turn while it is read.
 *
 * @param headerLength value of `Inference-Header-Content-Length`: bytes of JSON before the raw tensors.
 * @throws `malformed` or `invalid`, in words that name the tensor at fault.
 */
export function readRequest(body: Buffer, headerLength: number | undefined): ReadRequest | Promise<ReadRequest> {
  const length = headerLength ?? body.length
  if (length > body.length) {
    throw malformed(`Inference-Header-Content-Length is ${length}, but the body has only ${body.length} bytes`)
  }
  const json = headerLength === undefined ? body : body.subarray(0, length)
  if (!isUtf8(json)) throw malformed('The request body is not UTF-8; is Inference-Header-Content-Length missing?')
  const raw = body.subarray(length)
  if (json.length > AT_ONCE_BYTES) return readJsonInTurns(json).then((value) => requestOf(value, { json, raw }))
  return requestOf(parseJson(json.toString('utf8')), { json, raw })
}

interface Given {
  readonly json: Buffer
  /** What comes behind it. */
  readonly raw: Buffer
}

function requestOf(value: unknown, { json, raw }: Given): ReadRequest {
  let document = documentOf(value)
  let inputs = listOf(document, 'inputs')
  if (inputs.some((input) => hasRounded(input.datatype, input.data))) {
    if (json.length > AT_ONCE_BYTES) throw malformed(TOO_LONG_FOR_WHOLE)
    document = documentOf(parseLossless(json.toString('utf8')))
    inputs = listOf(document, 'inputs')
  }
  const parameters = parametersOf(document.parameters, 'request')
  const binaryOutputs = flagOf(parameters.binary_data_output, '"binary_data_output"') ?? false
  return {
    id: idOf(document.id),
    inputs: readInputs(inputs, raw),
    outputs: readOutputs(document, binaryOutputs),
    binaryOutputs,
    priority: parameterNumber(parameters, 'priority'),
    timeoutMs: timeoutMsOf(parameters),
  }
}

type Fields = Readonly<Record<string, unknown>>

/** A picture of usual size is read at once, in some twenty milliseconds. Reading without loss takes twenty times as long, and is not done in turns. */
const AT_ONCE_BYTES = 4 * 1024 * 1024
const TOO_LONG_FOR_WHOLE =
  'Whole numbers beyond 2^53 are taken in up to 4 MiB of JSON; send them as binary data, which is exact and faster'

function malformed(message: string) {
  return fail('malformed', 'INFERENCE_REQUEST_MALFORMED', message)
}

function documentOf(value: unknown): Fields {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Fields
  throw malformed('An inference request is a JSON object with "inputs"')
}

function listOf(document: Fields, name: 'inputs' | 'outputs'): readonly Fields[] {
  const list = document[name]
  if (!Array.isArray(list)) throw malformed(`An inference request needs "${name}", a list of tensors`)
  for (const item of list) {
    if (item === null || typeof item !== 'object' || Array.isArray(item) || typeof item.name !== 'string') {
      throw malformed(`Every item of "${name}" must be an object with a "name"`)
    }
  }
  return list as Fields[]
}

function idOf(id: unknown): string | undefined {
  if (id === undefined || id === null) return undefined
  if (typeof id === 'string') return id
  throw malformed('"id" must be a string')
}

function readInputs(list: readonly Fields[], raw: Buffer): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = Object.create(null) as Record<string, Tensor>
  let at = 0
  for (const input of list) {
    const name = input.name as string
    if (inputs[name] !== undefined) throw tensorInvalid(name, 'is given twice')
    const datatype = datatypeNamed(input.datatype, name)
    if (!Array.isArray(input.shape)) throw tensorInvalid(name, 'needs a "shape", a list of whole numbers')
    const tensor = { name, datatype, shape: input.shape as number[], count: checkedCount(name, input.shape) }
    const size = binarySize(input, name)
    if (size === undefined) inputs[name] = fromJson(tensor, input.data)
    else {
      if (at + size > raw.length) {
        throw tensorInvalid(name, `should have ${size} bytes of binary data; only ${raw.length - at} are left`)
      }
      inputs[name] = fromRaw(tensor, raw.subarray(at, at + size))
      at += size
    }
  }
  if (at !== raw.length) throw malformed(`The body has ${raw.length - at} bytes of binary data that no input claims`)
  return inputs
}

function flagOf(value: unknown, what: string): boolean | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'boolean') return value
  throw fail('invalid', 'PARAMETER_INVALID', `${what} must be true or false`)
}

function binarySize(input: Fields, name: string): number | undefined {
  if (input.parameters === undefined) return undefined
  const parameters = parametersOf(input.parameters, `input "${name}"`)
  refuseSharedMemory(parameters)
  const size = parameterNumber(parameters, 'binary_data_size')
  if (size !== undefined && (input.data ?? null) !== null) throw tensorInvalid(name, 'has both "data" and binary data')
  return size
}

function readOutputs(document: Fields, binaryOutputs: boolean): WantedOutput[] | undefined {
  if ((document.outputs ?? null) === null) return undefined
  const list = listOf(document, 'outputs')
  if (list.length === 0) return undefined
  const seen = new Set<string>()
  return list.map((output) => {
    const name = output.name as string
    if (seen.has(name)) throw fail('invalid', 'TENSOR_INVALID', `Output "${name}" is asked for twice`)
    seen.add(name)
    const parameters = parametersOf(output.parameters, `output "${name}"`)
    refuseSharedMemory(parameters)
    const binary = flagOf(parameters.binary_data, `"binary_data" of output "${name}"`)
    return { name, binary: binary ?? binaryOutputs, classification: parameterNumber(parameters, 'classification') }
  })
}
