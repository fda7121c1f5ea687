// ModelInferRequest, read from its bytes straight into tensors.
import { fail } from '../core/failure.ts'
import { checkedCount, type Datatype, datatypeNamed, tensorInvalid } from '../core/oip/datatypes.ts'
import { type Parameters, parameterNumber, timeoutMsOf } from '../core/oip/parameters.ts'
import { fromRaw } from '../core/oip/raw.ts'
import { refuseSharedMemory } from '../core/oip/settings.ts'
import type { Tensor } from '../core/tensors.ts'
import { readContents } from './contents.ts'
import { WireReader } from './wire.ts'

export interface WantedOutput {
  readonly name: string
  readonly classification: number | undefined
}

export interface GrpcInferRequest {
  readonly model: string
  readonly version: string | undefined
  readonly id: string
  readonly inputs: Readonly<Record<string, Tensor>>
  /** None: every output. */
  readonly outputs: readonly WantedOutput[] | undefined
  readonly priority: number | undefined
  readonly timeoutMs: number | undefined
  /** The inputs came as raw bytes, and so go the outputs. */
  readonly raw: boolean
}

interface ReadInput {
  name: string
  datatype: string
  readonly shape: number[]
  contents: WireReader | undefined
}

/** Enough to answer a request that turns out to be wrong. */
export interface RequestHead {
  readonly model: string
  readonly id: string
}

/** @throws `malformed` or `invalid`, in words that name the tensor at fault. */
export function readInferRequest(bytes: Buffer): GrpcInferRequest {
  const reader = new WireReader(bytes)
  const found = { model: '', version: '', id: '' }
  const parameters: Record<string, string | number | bigint | boolean> = {}
  const inputs: ReadInput[] = []
  const outputs: WantedOutput[] = []
  const raw: Buffer[] = []
  while (reader.next()) {
    if (reader.field === 1) found.model = reader.text()
    else if (reader.field === 2) found.version = reader.text()
    else if (reader.field === 3) found.id = reader.text()
    else if (reader.field === 4) readParameter(reader.message(), parameters)
    else if (reader.field === 5) inputs.push(readInput(reader.message()))
    else if (reader.field === 6) outputs.push(readOutput(reader.message()))
    else if (reader.field === 7) raw.push(reader.bytes())
    else reader.skip()
  }
  refuseTwice(outputs)
  return {
    model: found.model,
    version: found.version === '' ? undefined : found.version,
    id: found.id,
    inputs: raw.length > 0 ? rawTensors(inputs, raw) : typedTensors(inputs),
    outputs: outputs.length > 0 ? outputs : undefined,
    priority: parameterNumber(parameters, 'priority'),
    timeoutMs: timeoutMsOf(parameters),
    raw: raw.length > 0,
  }
}

/** What can be told of a request whose tensors are wrong. */
export function readHead(bytes: Buffer): RequestHead {
  const head = { model: '', id: '' }
  const reader = new WireReader(bytes)
  try {
    while (reader.next()) {
      if (reader.field === 1) head.model = reader.text()
      else if (reader.field === 3) head.id = reader.text()
      else reader.skip()
    }
  } catch {
    // The message breaks off: what was read before stands.
  }
  return head
}

function readInput(reader: WireReader): ReadInput {
  const input: ReadInput = { name: '', datatype: '', shape: [], contents: undefined }
  const parameters: Record<string, Parameters[string]> = {}
  while (reader.next()) {
    if (reader.field === 1) input.name = reader.text()
    else if (reader.field === 2) input.datatype = reader.text()
    else if (reader.field === 3) readShape(reader, input.shape)
    else if (reader.field === 4) readParameter(reader.message(), parameters)
    else if (reader.field === 5) input.contents = reader.message()
    else reader.skip()
  }
  refuseSharedMemory(parameters)
  return input
}

/** Packed, as every client sends it, or one field a number, as protobuf allows. */
function readShape(reader: WireReader, shape: number[]): void {
  if (reader.type === 0) {
    shape.push(reader.int())
    return
  }
  const packed = reader.message()
  while (!packed.done) shape.push(packed.int())
}

function readOutput(reader: WireReader): WantedOutput {
  let name = ''
  const parameters: Record<string, string | number | bigint | boolean> = {}
  while (reader.next()) {
    if (reader.field === 1) name = reader.text()
    else if (reader.field === 2) readParameter(reader.message(), parameters)
    else reader.skip()
  }
  refuseSharedMemory(parameters)
  return { name, classification: parameterNumber(parameters, 'classification') }
}

/** An entry of a map: key 1, value 2. */
function readParameter(entry: WireReader, parameters: Record<string, Parameters[string]>): void {
  let key = ''
  let value: Parameters[string] | undefined
  while (entry.next()) {
    if (entry.field === 1) key = entry.text()
    else if (entry.field === 2) value = readChoice(entry.message())
    else entry.skip()
  }
  if (value !== undefined && key !== '__proto__') parameters[key] = value
}

function readChoice(choice: WireReader): Parameters[string] | undefined {
  let value: Parameters[string] | undefined
  while (choice.next()) {
    if (choice.field === 1) value = choice.uint() !== 0
    else if (choice.field === 2) value = choice.int()
    else if (choice.field === 3) value = choice.text()
    else if (choice.field === 4) value = choice.double()
    else if (choice.field === 5) value = choice.uint()
    else choice.skip()
  }
  return value
}

function refuseTwice(outputs: readonly WantedOutput[]): void {
  const names = new Set(outputs.map(({ name }) => name))
  if (names.size < outputs.length) throw fail('invalid', 'TENSOR_INVALID', 'An output is asked for twice')
}

type Take = (tensor: { name: string; datatype: Datatype; shape: number[]; count: number }, index: number) => Tensor

function tensors(inputs: readonly ReadInput[], take: Take): Record<string, Tensor> {
  const read: Record<string, Tensor> = Object.create(null) as Record<string, Tensor>
  for (let i = 0; i < inputs.length; i++) {
    const { name, datatype, shape } = inputs[i]!
    if (read[name] !== undefined) throw tensorInvalid(name, 'is given twice')
    const tensor = { name, datatype: datatypeNamed(datatype, name), shape, count: checkedCount(name, shape) }
    read[name] = take(tensor, i)
  }
  return read
}

function rawTensors(inputs: readonly ReadInput[], raw: readonly Buffer[]): Record<string, Tensor> {
  if (raw.length !== inputs.length) {
    throw fail(
      'invalid',
      'TENSOR_INVALID',
      `There are ${inputs.length} inputs but ${raw.length} raw_input_contents; each input needs its own, in their order`,
    )
  }
  return tensors(inputs, (tensor, i) => {
    if (inputs[i]!.contents !== undefined) {
      throw tensorInvalid(tensor.name, 'has contents, which must not be specified together with raw_input_contents')
    }
    return fromRaw(tensor, raw[i]!)
  })
}

function typedTensors(inputs: readonly ReadInput[]): Record<string, Tensor> {
  return tensors(inputs, (tensor, i) => readContents(tensor, inputs[i]!.contents))
}
