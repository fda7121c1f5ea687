// Refuses feeds that do not fit a model before the engine sees them, naming every input at fault. An input whose shape
// reads as `[]` is not checked for rank: the engine says the same of a scalar and of a shape it does not know.
import { type FieldError, invalid } from '../core/failure.ts'
import { ARRAY_CLASS, elementCount } from './tensors.ts'
import type { ModelInfo, Tensor, TensorInfo, Tensors } from './types.ts'

/**
 * The feeds in the order of the model's inputs.
 *
 * @throws MlError `invalid` MODEL_INPUT_INVALID; `details.errors` has a row for each input at fault.
 */
export function orderFeeds(info: ModelInfo, feeds: Tensors): Tensor[] {
  const ordered: Tensor[] = []
  let given = 0
  for (const name in feeds) if (feeds[name] !== undefined) given++
  for (const input of info.inputs) {
    const tensor = feeds[input.name]
    if (tensor === undefined || problemOf(input, tensor) !== null) throw describe(info, feeds)
    ordered.push(tensor)
  }
  if (given !== ordered.length) throw describe(info, feeds)
  return ordered
}

/**
 * Positions of the wanted outputs among the tensor outputs; empty means all of them.
 *
 * @throws MlError `invalid` MODEL_OUTPUT_UNKNOWN
 */
export function fetchIndices(info: ModelInfo, fetches: readonly string[] | undefined): readonly number[] {
  if (fetches === undefined) return []
  if (fetches.length === 0) throw unknownOutput('', info)
  return fetches.map((name) => {
    const index = info.outputs.findIndex((output) => output.name === name)
    if (index < 0) throw unknownOutput(name, info)
    return index
  })
}

function unknownOutput(name: string, info: ModelInfo): Error {
  const known = info.outputs.map((output) => output.name).join(', ')
  const message = info.otherOutputs.includes(name) ? 'is not a tensor' : `is not an output; there are ${known}`
  return invalid('outputs', [{ field: name, message }], 'MODEL_OUTPUT_UNKNOWN')
}

function describe(info: ModelInfo, feeds: Tensors): Error {
  const errors: FieldError[] = []
  for (const input of info.inputs) {
    const tensor = feeds[input.name]
    const message = tensor === undefined ? 'is missing' : problemOf(input, tensor)
    if (message !== null) errors.push({ field: input.name, message })
  }
  const known = new Set(info.inputs.map(({ name }) => name))
  for (const [name, tensor] of Object.entries(feeds)) {
    if (tensor !== undefined && !known.has(name)) {
      errors.push({ field: name, message: 'is not an input of the model' })
    }
  }
  return invalid('model input', errors, 'MODEL_INPUT_INVALID')
}

function problemOf(input: TensorInfo, { type, dims, data }: Tensor): string | null {
  if (type !== input.type) return `must be ${input.type}, not ${type}`
  if (input.dims.length > 0 && dims.length !== input.dims.length) return shapeProblem(input, dims)
  for (let axis = 0; axis < dims.length; axis++) {
    const dim = dims[axis]!
    if (!Number.isInteger(dim) || dim < 0) return `has the dimension ${dim} at axis ${axis}`
    const fixed = input.dims[axis]
    if (typeof fixed === 'number' && fixed !== dim) return shapeProblem(input, dims)
  }
  if (type === 'string') {
    if (!Array.isArray(data) || !data.every((value) => typeof value === 'string')) return 'must hold strings'
  } else if (!(data instanceof ARRAY_CLASS[type])) {
    return `must hold its values in a ${ARRAY_CLASS[type].name}`
  }
  if (data.length !== elementCount(dims)) return `has ${data.length} values for the shape [${dims.join(', ')}]`
  return null
}

function shapeProblem(input: TensorInfo, dims: readonly number[]): string {
  const wanted = input.dims.map((dim) => dim ?? '?').join(', ')
  return `must have the shape [${wanted}], not [${dims.join(', ')}]`
}
