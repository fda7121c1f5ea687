// Inputs for a load test, made from what the model says of itself: shapes and datatypes of its tensors, and where its columns
// are known, their ranges and classes. Seeded, so that two runs send the same bytes.
import type { SignatureInput } from '../../contract/models.ts'
import { fail } from '../../core/failure.ts'
import { checkedCount, type Datatype, datatypeNamed } from '../../core/oip/datatypes.ts'
import { type Random, seededRandom } from '../../core/random.ts'
import type { Tensor, Tensors } from '../../core/tensors.ts'

export interface DeclaredInput {
  readonly name: string
  readonly datatype: string
  /** -1 is any length. */
  readonly shape: readonly number[]
}

export interface InputOptions {
  /** Length of the first axis, where it is open. */
  readonly batch: number
  /** Shapes of single inputs, without the batch, for axes that are open. */
  readonly shapes: ReadonlyMap<string, readonly number[]>
  /** What the registry knows of the columns; none for models of tensors. */
  readonly columns: readonly SignatureInput[]
  readonly seed: number
}

/**
 * @throws `invalid` SHAPE_UNKNOWN for an input with open axes that no shape was given for, and OPTION_INVALID for a batch that no input
 *   takes: its rows would be counted without having been sent.
 */
export function makeInputs(inputs: readonly DeclaredInput[], options: InputOptions): Tensors {
  const { batch, seed } = options
  const random = seededRandom(seed)
  const made = Object.fromEntries(inputs.map((input) => [input.name, makeTensor(input, options, random)]))
  if (batch > 1 && Object.values(made).every(({ dims }) => dims[0] !== batch)) {
    const shapes = inputs.map(({ name, shape }) => `"${name}" [${shape.join(', ')}]`).join(', ')
    throw fail('invalid', 'OPTION_INVALID', `--batch-size ${batch} does not fit the model, which takes ${shapes}`)
  }
  return made
}

function makeTensor(input: DeclaredInput, options: InputOptions, random: Random): Tensor {
  const datatype = datatypeNamed(input.datatype, input.name)
  const dims = dimsOf(input, options)
  const count = checkedCount(input.name, dims)
  const width = Math.max(1, dims.length > 1 ? dims[1]! : 1)
  const column = (i: number) =>
    options.columns.find(({ name }) => name === input.name || name === `${input.name}[${i % width}]`)
  if (datatype.type === 'string') {
    return { type: 'string', dims, data: Array.from({ length: count }, (_, i) => textOf(column(i), random)) }
  }
  const data = new datatype.array!(count)
  for (let i = 0; i < count; i++) data[i] = numberOf(datatype, column(i), random) as never
  return { type: datatype.type, dims, data }
}

function dimsOf({ name, shape }: DeclaredInput, { batch, shapes }: InputOptions): number[] {
  const given = shapes.get(name)
  const [first, ...rest] = shape
  const open = rest.includes(-1)
  if (open && (!given || given.length !== rest.length)) {
    throw fail(
      'invalid',
      'SHAPE_UNKNOWN',
      `Input "${name}" has the shape [${shape.join(', ')}]; give its lengths after the first axis with --shape ${name}:${rest.map((dim) => (dim === -1 ? '?' : dim)).join(',')}`,
    )
  }
  const lead = first === undefined ? [] : [first === -1 ? batch : first]
  return [...lead, ...(given ?? rest)]
}

function textOf(column: SignatureInput | undefined, random: Random): string {
  const { categories } = column ?? {}
  return categories?.length ? categories[random.integer(categories.length)]! : `value ${random.integer(100)}`
}

/** float16 is its bits: anything up to 1.0. */
function numberOf({ type }: Datatype, column: SignatureInput | undefined, random: Random): number | bigint {
  const { min = 0, max = 1 } = column ?? {}
  if (type === 'float32' || type === 'float64') return min + random.next() * (max - min)
  if (type === 'float16') return random.integer(0x3c00)
  const whole = Math.round(min) + random.integer(Math.max(1, Math.round(max) - Math.round(min) + 1))
  if (type === 'bool') return random.integer(2)
  return type === 'int64' || type === 'uint64' ? BigInt(whole) : whole
}
