// Schema checks: a TypeBox schema in, a function out that returns every broken rule at once with the path to it.
// Ajv does the work; this file turns its reports into words a person can act on.
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { TSchema } from 'typebox'
import { SOUND_TEXT } from '../contract/schema.ts'
import type { FieldError } from './failure.ts'

export interface CheckOptions {
  /** Turns '5' into 5 and 'true' into true (query strings, environment variables). */
  readonly coerce?: boolean
  /** Prefix for every reported path. */
  readonly at?: string
  /** The schema comes from outside of this project: whether it is one is checked first. */
  readonly foreign?: boolean
}

export type Check = (value: unknown) => readonly FieldError[]

const plain = makeAjv({ coerceTypes: false, validateSchema: false })
const coercing = makeAjv({ coerceTypes: true, validateSchema: false })
const careful = makeAjv({ coerceTypes: false, validateSchema: true })

/** To check a schema, Ajv compiles the schema of schemas: a tenth of a second of a start. Those of the contract are checked by a test. */
function makeAjv(options: { readonly coerceTypes: boolean; readonly validateSchema: boolean }): Ajv2020 {
  const ajv = new Ajv2020({ allErrors: true, verbose: true, useDefaults: true, strict: false, ...options })
  addFormats.default(ajv)
  return ajv
}

/** Compiles once; the returned check fills in defaults and (with `coerce`) converts in place. */
export function compileCheck(schema: TSchema, { coerce = false, at = '', foreign = false }: CheckOptions = {}): Check {
  const ajv = coerce ? coercing : foreign ? careful : plain
  let validate: ValidateFunction | undefined
  return (value) => {
    validate ??= ajv.compile(schema)
    if (validate(value)) return []
    return describe(validate.errors ?? [], at)
  }
}

function describe(errors: readonly ErrorObject[], at: string): FieldError[] {
  const found = new Map<string, FieldError>()
  for (const error of withoutBranches(errors)) {
    const field = joinPath(at, fieldOf(error))
    const message = wording(error)
    const key = `${field}\u0000${message}`
    if (!found.has(key)) found.set(key, { field, message, ...shown(offender(error)) })
  }
  return [...found.values()]
}

/**
 * Every branch of a union reports why it does not fit. Those that want another kind of value were not meant: where another
 * branch found fault with more than the kind, only its faults are told, else all kinds that would do, in one sentence.
 */
function withoutBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const told: ErrorObject[] = []
  for (const error of errors) {
    if (!isUnion(error)) {
      told.push(error)
      continue
    }
    // Ajv names a union right behind what its branches found: looked for among all, it would take the square of their number.
    let from = told.length
    while (from > 0 && isOfBranch(told[from - 1]!, error)) from--
    const branches = told.splice(from)
    const wrongKind = branches.filter((one) => one.instancePath === error.instancePath && isKind(one))
    if (branches.length > wrongKind.length) {
      for (const one of branches) if (!wrongKind.includes(one)) told.push(one)
    } else if (wrongKind.length > 0) told.push({ ...error, message: `must be ${kindsOf(wrongKind).join(' or ')}` })
    else told.push(error)
  }
  return told
}

/** By place in the schema and in the value: every item of a list is checked by the same union. */
function isOfBranch({ schemaPath, instancePath }: ErrorObject, union: ErrorObject): boolean {
  const inValue = instancePath === union.instancePath || instancePath.startsWith(`${union.instancePath}/`)
  return inValue && schemaPath.startsWith(`${union.schemaPath}/`)
}

function isUnion({ keyword }: ErrorObject): boolean {
  return keyword === 'anyOf' || keyword === 'oneOf'
}

function isKind(error: ErrorObject): boolean {
  return error.keyword === 'type' || error.keyword === 'const' || isUnion(error)
}

function kindsOf(errors: readonly ErrorObject[]): string[] {
  return [...new Set(errors.map((error) => wording(error).replace(/^must be /, '')))]
}

function fieldOf(error: ErrorObject): string {
  const path = error.instancePath.split('/').slice(1).map(decodePointer).join('.')
  const params = error.params as Record<string, unknown>
  if (error.keyword === 'required') return joinPath(path, String(params.missingProperty))
  if (error.keyword === 'additionalProperties') return joinPath(path, String(params.additionalProperty))
  if (error.keyword === 'propertyNames') return joinPath(path, String(params.propertyName))
  return path
}

/** What stands at the reported place; Ajv shows the object around it, whose other fields are nobody's business here. */
function offender({ keyword, params, data }: ErrorObject): unknown {
  if (keyword === 'required' || keyword === 'propertyNames') return undefined
  if (keyword !== 'additionalProperties') return data
  return (data as Record<string, unknown>)[(params as { additionalProperty: string }).additionalProperty]
}

function wording(error: ErrorObject): string {
  const params = error.params as Record<string, unknown>
  switch (error.keyword) {
    case 'required':
      return 'is required'
    case 'additionalProperties':
      return 'is not a known field'
    case 'enum':
      return `must be one of ${(params.allowedValues as unknown[]).map((v) => JSON.stringify(v)).join(', ')}`
    case 'const':
      return `must be ${JSON.stringify(params.allowedValue)}`
    case 'type':
      return `must be ${[params.type].flat().join(' or ')}`
    case 'pattern':
      if (params.pattern === SOUND_TEXT) return 'must not hold the character U+0000 or half of a surrogate pair'
      return error.message ?? 'must match a pattern'
    default:
      return error.message ?? `breaks the rule "${error.keyword}"`
  }
}

function shown(value: unknown): { value?: unknown } {
  if (value === undefined) return {}
  const text = JSON.stringify(value)
  return { value: text !== undefined && text.length > 200 ? `${text.slice(0, 200)}…` : value }
}

function joinPath(head: string, tail: string): string {
  return head && tail ? `${head}.${tail}` : head || tail
}

function decodePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}
