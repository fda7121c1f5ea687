// Rows that stand for "not knowing" a column where none are stored: made up from the signature, the same ones every time.
import type { Signature, SignatureInput } from '../../../contract/models.ts'
import { type Random, seededRandom } from '../../../core/random.ts'

const ROWS = 32
const MISSING_SHARE = 0.1
/** Nothing that a model is likely to know; empty text would be a missing value. */
const WORD = 'something'
/** 2020 to 2030: a datetime says nothing about its range. */
const DATES = [1_577_836_800_000, 1_893_456_000_000] as const

export function synthesiseRows({ inputs }: Signature): unknown[][] {
  const random = seededRandom(inputs.length)
  return Array.from({ length: ROWS }, () =>
    inputs.map((input) => (input.nullable && random.next() < MISSING_SHARE ? null : made(input, random))),
  )
}

/** Between the limits where there are any; else about zero, as most models outside this service were given scaled numbers. */
function made({ dtype, categories, min, max }: SignatureInput, random: Random): unknown {
  switch (dtype) {
    case 'number':
      return min !== undefined && max !== undefined ? min + (max - min) * random.next() : random.normal()
    case 'integer':
      return min !== undefined && max !== undefined ? min + random.integer(max - min + 1) : random.integer(10)
    case 'boolean':
      return random.next() < 0.5
    case 'datetime':
      return new Date(DATES[0] + random.integer(DATES[1] - DATES[0])).toISOString()
    case 'string':
    case 'text':
      return categories && categories.length > 0 ? categories[random.integer(categories.length)]! : WORD
  }
}
