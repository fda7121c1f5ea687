// The named shapes of the contract: every exported object schema is a component under the name it is exported by, and a
// schema that equals one (compared by its text, since optional copies are objects of their own) is written as a reference.
import * as datasets from '../contract/datasets.ts'
import * as errors from '../contract/errors.ts'
import * as evaluation from '../contract/evaluation.ts'
import * as models from '../contract/models.ts'
import * as predictions from '../contract/predictions.ts'
import * as rollouts from '../contract/rollouts.ts'
import * as service from '../contract/service.ts'
import * as strategy from '../contract/strategy.ts'
import * as training from '../contract/training.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

const names = new Map<string, string>()
const shapes = new Map<string, JsonSchema>()
for (const [name, value] of Object.entries({
  ...datasets,
  ...training,
  ...strategy,
  ...models,
  ...evaluation,
  ...rollouts,
  ...predictions,
  ...service,
  ...errors,
})) {
  if (!isShape(value)) continue
  names.set(JSON.stringify(value), name)
  shapes.set(name, value)
}

function isShape(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && 'properties' in value
}

/** `components.schemas`: each shape, with references to the others inside it. */
export function namedSchemas(): Record<string, JsonSchema> {
  const sorted = [...shapes].sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(sorted.map(([name, shape]) => [name, referInside(shape) as JsonSchema]))
}

/** A reference where the schema has a name, else the schema with references inside. */
export function referTo(schema: unknown): JsonSchema {
  return refer(schema) as JsonSchema
}

function refer(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const name = names.get(JSON.stringify(value))
  return name === undefined ? referInside(value) : { $ref: `#/components/schemas/${name}` }
}

function referInside(value: object): unknown {
  if (Array.isArray(value)) return value.map(refer)
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, refer(child)]))
}
