// The classification extension: instead of an output's values, its k highest along the last axis as "value:index:label".
import type { Signature } from '../../contract/models.ts'
import { fail } from '../failure.ts'
import type { Tensor } from '../tensors.ts'
import { datatypeOf } from './datatypes.ts'

interface NamedTensor {
  readonly name: string
  readonly tensor: Tensor
  readonly labels: readonly string[] | undefined
}

/** As `%f` prints them, which is what clients of this extension parse. */
const DIGITS = 6

/**
 * @param k how many; more than there are gives all of them.
 * @returns BYTES of the output's shape with the last axis cut to k.
 * @throws `invalid` CLASSIFICATION_INVALID
 */
export function classify({ name, tensor, labels }: NamedTensor, k: number): Tensor {
  if (!Number.isSafeInteger(k) || k < 1) {
    throw fail('invalid', 'CLASSIFICATION_INVALID', `Output "${name}": classification must be a whole number from 1`)
  }
  if (tensor.type === 'string' || tensor.type === 'float16') {
    const { name: datatype } = datatypeOf(tensor.type)
    throw fail('invalid', 'CLASSIFICATION_INVALID', `Output "${name}" is ${datatype}, which cannot be ranked`)
  }
  const { dims, data } = tensor
  const width = dims.at(-1) ?? 1
  const kept = Math.min(k, width)
  const texts: string[] = []
  const values = data as ArrayLike<number | bigint>
  for (let start = 0; start < values.length; start += width) {
    for (const index of highest(values, start, { width, kept })) {
      const value = values[start + index]!
      const text = typeof value === 'bigint' || !isFloat(tensor) ? String(value) : fixed(Number(value))
      const label = labels?.length === width ? `:${labels[index]}` : ''
      texts.push(`${text}:${index}${label}`)
    }
  }
  return { type: 'string', dims: [...dims.slice(0, -1), kept], data: texts }
}

function isFloat({ type }: Tensor): boolean {
  return type === 'float32' || type === 'float64'
}

function fixed(value: number): string {
  return Number.isFinite(value) ? value.toFixed(DIGITS) : String(value).toLowerCase().replace('infinity', 'inf')
}

interface Ranking {
  readonly width: number
  readonly kept: number
}

/** Indices of the highest values, the first of equals first; NaN is the lowest. */
function highest(values: ArrayLike<number | bigint>, start: number, { width, kept }: Ranking): number[] {
  const order = Array.from({ length: width }, (_, index) => index)
  const at = (index: number) => values[start + index]!
  order.sort((a, b) => compare(at(b), at(a)) || a - b)
  return order.slice(0, kept)
}

function compare(a: number | bigint, b: number | bigint): number {
  const [x, y] = [Number.isNaN(a), Number.isNaN(b)]
  if (x || y) return Number(y) - Number(x)
  return a > b ? 1 : a < b ? -1 : 0
}

/** The classes along the last axis of an output: its own, or for scores beside a label those of the label. */
export function labelsOf({ outputs }: Signature, name: string): readonly string[] | undefined {
  const [main, scores] = outputs
  const own = outputs.find((output) => output.name === name)
  return own?.categories ?? (own && own === scores ? main?.categories : undefined)
}
