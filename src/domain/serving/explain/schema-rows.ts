// Rows made up from the JSON Schema of a model written in code: its `examples` where it has some, else a value for every
// property, the same ones every time.
import { type Random, seededRandom } from '../../../core/random.ts'

const ROWS = 16
const OPTIONAL_SHARE = 0.5
const DEEPEST = 6

interface JsonSchema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
}

export function rowsOfSchema(schema: unknown): readonly unknown[] {
  const given = (schema as JsonSchema).examples
  if (given && given.length > 0) return structuredClone(given)
  const random = seededRandom(1)
  return Array.from({ length: ROWS }, () => drawValue(schema as JsonSchema, random, 0))
}

function drawValue(schema: JsonSchema, random: Random, depth: number): unknown {
  if ('const' in schema) return schema.const
  const listed = schema.enum ?? schema.examples
  if (listed && listed.length > 0) return listed[random.integer(listed.length)]
  const options = schema.anyOf ?? schema.oneOf
  if (options && options.length > 0) return drawValue(options[random.integer(options.length)]!, random, depth)
  switch (schema.type) {
    case 'number':
      return numberOf(schema, random)
    case 'integer':
      return Math.round(numberOf(schema, random))
    case 'boolean':
      return random.next() < 0.5
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => drawValue(schema.items ?? {}, random, depth + 1))
    case 'object':
      return depth < DEEPEST ? objectOf(schema, random, depth) : {}
    case 'null':
      return null
    default:
      return schema.default ?? ''
  }
}

function numberOf({ minimum, maximum }: JsonSchema, random: Random): number {
  if (minimum !== undefined && maximum !== undefined) return minimum + (maximum - minimum) * random.next()
  const drawn = Math.round(random.normal() * 10)
  return Math.min(maximum ?? drawn, Math.max(minimum ?? drawn, drawn))
}

function objectOf({ properties = {}, required = [] }: JsonSchema, random: Random, depth: number): unknown {
  const present = Object.entries(properties).filter(
    ([name]) => required.includes(name) || random.next() >= OPTIONAL_SHARE,
  )
  return Object.fromEntries(present.map(([name, schema]) => [name, drawValue(schema, random, depth + 1)]))
}
