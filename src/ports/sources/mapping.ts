// The operator's file that says which table holds features of whom. One key opens the tables of all tenants, so every table is
// bound to its tenant here: wholly, or by a column, and a table that says neither or both is refused at the start.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Static, Type } from 'typebox'
import { EntityTypeName, FeatureName } from '../../contract/features.ts'
import { compileCheck } from '../../core/check.ts'
import { type FieldError, fail } from '../../core/failure.ts'

const Name = Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,62}$' })
/** A column, or a place within a JSON column: `preferences->travel->pace`. */
const Column = Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,62}(->>?[A-Za-z0-9_]{1,62}){0,4}$' })

const Table = Type.Object(
  {
    entity_type: EntityTypeName,
    table: Name,
    schema: Type.Optional(Name),
    id_column: Name,
    id_type: Type.Unsafe<'text' | 'integer' | 'uuid'>({
      type: 'string',
      enum: ['text', 'integer', 'uuid'],
      default: 'text',
    }),
    tenant: Type.Optional(Type.String({ minLength: 1 })),
    tenant_column: Type.Optional(Name),
    tenants: Type.Optional(Type.Record(Type.String({ minLength: 1 }), Type.String({ minLength: 1 }))),
    columns: Type.Record(FeatureName, Column, { minProperties: 1 }),
    ttl_seconds: Type.Number({ default: 60, minimum: 1, maximum: 86_400 }),
    absent_seconds: Type.Number({ default: 10, minimum: 1, maximum: 86_400 }),
  },
  { additionalProperties: false },
)
const Mapping = Type.Object(
  {
    timeout_ms: Type.Integer({ default: 250, minimum: 10, maximum: 10_000 }),
    tables: Type.Array(Table, { minItems: 1 }),
  },
  { additionalProperties: false },
)
export type SourceTable = Readonly<Static<typeof Table>> & {
  /** Of everything that is said of the table. */
  readonly digest: string
}
export interface SourceMapping {
  readonly timeout_ms: number
  readonly tables: readonly SourceTable[]
}

const check = compileCheck(Mapping)

/** @throws `invalid` CONFIG_INVALID with every fault at once. */
export function readMapping(path: string): SourceMapping {
  let document: unknown
  try {
    document = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw fail('invalid', 'CONFIG_INVALID', `SUPABASE_MAPPING: cannot read ${path}: ${String(cause)}`, { cause })
  }
  return checkMapping(document)
}

/** @throws `invalid` CONFIG_INVALID */
export function checkMapping(document: unknown): SourceMapping {
  let errors = check(document)
  const mapping = document as Static<typeof Mapping>
  if (errors.length === 0) errors = contradictions(mapping.tables)
  if (errors.length > 0) {
    const list = errors.map(({ field, message }) => `  ${field}: ${message}`).join('\n')
    throw fail('invalid', 'CONFIG_INVALID', `SUPABASE_MAPPING has ${errors.length} problem(s):\n${list}`, {
      details: { errors },
    })
  }
  const tables = mapping.tables.map((table) => ({ ...table, digest: digestOf(table) }))
  return { timeout_ms: mapping.timeout_ms, tables }
}

function digestOf(table: Static<typeof Table>): string {
  return createHash('sha256').update(JSON.stringify(table)).digest('hex').slice(0, 16)
}

function contradictions(tables: readonly Static<typeof Table>[]): FieldError[] {
  const errors: FieldError[] = []
  for (const [index, { tenant, tenant_column, tenants }] of tables.entries()) {
    const field = `tables.${index}`
    if ((tenant === undefined) === (tenant_column === undefined)) {
      errors.push({ field, message: 'needs `tenant` (all of it is theirs) or `tenant_column` (each row says whose)' })
    }
    if (tenants !== undefined && tenant_column === undefined) {
      errors.push({ field: `${field}.tenants`, message: 'goes with `tenant_column`: it says what stands there' })
    }
    const values = Object.values(tenants ?? {})
    if (new Set(values).size < values.length) {
      errors.push({ field: `${field}.tenants`, message: 'gives two tenants the same rows' })
    }
  }
  return [...errors, ...overlaps(tables)]
}

/** Two tables must not answer for the same tenant and entity type. */
function overlaps(tables: readonly Static<typeof Table>[]): FieldError[] {
  const taken = new Set<string>()
  return tables.flatMap((table, index): FieldError[] => {
    const theirs = tenantsOf(table)
    const keys = theirs.map((tenant) => `${table.entity_type} ${tenant}`)
    const twice = keys.some((key) => taken.has(key))
    const others = tables.filter((other) => other !== table && other.entity_type === table.entity_type)
    const everybody = theirs.includes(EVERYBODY) && others.length > 0
    for (const key of keys) taken.add(key)
    if (!twice && !everybody) return []
    return [{ field: `tables.${index}`, message: `another table answers for ${table.entity_type} of the same tenant` }]
  })
}

const EVERYBODY = '*'

function tenantsOf({ tenant, tenants }: Static<typeof Table>): string[] {
  if (tenant !== undefined) return [tenant]
  return tenants ? Object.keys(tenants) : [EVERYBODY]
}
