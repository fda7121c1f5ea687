// The input of an operation out of a request: query string, body and path parameters as one object. Nothing is checked
// here (dispatch does, with every finding at once), but nothing is dropped either: a field that is given twice with
// different values is refused, an unknown one is passed on for the check to name.
import type { FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import type { Operation } from '../contract/operation.ts'
import { type FieldError, invalid } from '../core/failure.ts'
import { parseJson } from '../core/json.ts'

export type Fields = Record<string, unknown>
type InputReader = (request: FastifyRequest, body: unknown) => Fields

const NUMERAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** `/models/{model_id}` → `['model_id']`. */
export function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!)
}

export function inputReader(operation: Operation): InputReader {
  const parameters = pathParameters(operation.path)
  const takesBody = operation.body !== 'query'
  // Probes: load balancers add to their address what they like, and are to hear how the service is.
  if (operation.permission === 'service' && !takesBody) return () => ({})
  return (request, body) => {
    const input: Fields = operation.body === 'row' ? { body } : takesBody ? membersOf(body) : {}
    const errors: FieldError[] = []
    const query = request.query as Record<string, string | string[]>
    for (const name in query) merge(input, name, fromQuery(operation, name, query[name]!), errors)
    const params = request.params as Record<string, string>
    for (const name of parameters) merge(input, name, params[name], errors)
    if (errors.length > 0) throw invalid('request', errors)
    return input
  }
}

function membersOf(body: unknown): Fields {
  if (body === undefined) return {}
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Fields
  throw invalid('request', [{ field: '', message: 'the body must be a JSON object' }])
}

function merge(input: Fields, name: string, value: unknown, errors: FieldError[]): void {
  if (Object.hasOwn(input, name) && input[name] !== value) {
    errors.push({ field: name, message: `is also given in the URL, as ${JSON.stringify(value)}`, value: input[name] })
  } else input[name] = value
}

function fromQuery(operation: Operation, name: string, value: string | string[]): unknown {
  if (typeof value !== 'string') return value
  const schema = fieldSchema(operation, name)
  if (schema && typesOf(schema).has('boolean') && value === '') return true
  return schema ? fromText(schema, value) : value
}

function fieldSchema(operation: Operation, name: string): TSchema | undefined {
  const { properties } = operation.input as TSchema & { readonly properties: Readonly<Record<string, TSchema>> }
  return Object.hasOwn(properties, name) ? properties[name] : undefined
}

/** Form fields (multipart) by name; objects, lists and maps arrive as JSON text. All broken ones are named at once. */
export function fromForm(operation: Operation, form: ReadonlyMap<string, string>): Fields {
  const fields: Fields = {}
  const errors: FieldError[] = []
  for (const [name, text] of form) {
    const schema = fieldSchema(operation, name)
    try {
      fields[name] = schema && isStructured(schema) ? parseJson(text, 'field') : schema ? fromText(schema, text) : text
    } catch (error) {
      errors.push({ field: name, message: `must be JSON: ${(error as Error).message}` })
    }
  }
  if (errors.length > 0) throw invalid('request', errors)
  return fields
}

function isStructured(schema: TSchema): boolean {
  const types = typesOf(schema)
  return !types.has('string') && (types.has('object') || types.has('array') || types.size === 0)
}

/** Text as the schema wants it; what cannot be converted stays text, and the check words the complaint. */
function fromText(schema: TSchema, text: string): unknown {
  const types = typesOf(schema)
  if (types.has('string')) return text
  if ((types.has('number') || types.has('integer')) && NUMERAL.test(text)) return Number(text)
  if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

/** The JSON types a schema allows, through its unions. */
function typesOf(schema: TSchema): Set<string> {
  const { type, anyOf } = schema as { readonly type?: string | string[]; readonly anyOf?: readonly TSchema[] }
  return new Set([...[type ?? []].flat(), ...(anyOf ?? []).flatMap((branch) => [...typesOf(branch)])])
}
