// The types in schema*.ts against the migrated database: every table, every column, what may be null and what is given.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../src/ports/db/index.ts'
import { BACKENDS, type Backend, startBackend } from './db-backends.ts'

interface Column {
  readonly type: string
  readonly nullable: boolean
  /** May be left out of an INSERT. */
  readonly optional: boolean
}
type Tables = Readonly<Record<string, Readonly<Record<string, Column>>>>

describe.each(BACKENDS)('the types of the tables: %s', (name) => {
  let backend: Backend
  let db: Database
  beforeAll(async () => {
    backend = await startBackend(name)
    db = await backend.create()
  })
  afterAll(() => backend.stop())

  it('agree with the database', async () => {
    expect(declaredTables(source())).toEqual(await migratedTables(db))
  })

  it('would not agree if a column, its type or its nullability were changed', async () => {
    const migrated = await migratedTables(db)
    for (const [from, to] of [
      ['  target: string | null\n', ''],
      ['  target: string | null\n', '  target: string\n'],
      ['  version: string\n', '  version: number\n'],
      ['  progress: Generated<number>\n', '  progress: number\n'],
      ['  feedback: FeedbackTable\n', ''],
    ] as const) {
      expect(source()).toContain(from)
      expect(declaredTables(source().replace(from, to)), `${from} → ${to}`).not.toEqual(migrated)
    }
  })
})

const FOLDER = join(import.meta.dirname, '../../src/ports/db')
const source = () =>
  readdirSync(FOLDER)
    .filter((name) => /^schema.*\.ts$/.test(name))
    .map((name) => readFileSync(join(FOLDER, name), 'utf8'))
    .join('\n')

const TYPES: Readonly<Record<string, string>> = {
  text: 'string',
  bigint: 'number',
  integer: 'number',
  smallint: 'number',
  'double precision': 'number',
  boolean: 'boolean',
  jsonb: 'json',
  'timestamp with time zone': 'date',
}

async function migratedTables(db: Database): Promise<Tables> {
  const { rows } = await db.system((tx) =>
    sql<{ table: string; column: string; type: string; nullable: boolean; optional: boolean }>`
      select table_name as table, column_name as column, data_type as type, is_nullable = 'YES' as nullable,
        is_nullable = 'YES' or column_default is not null or is_identity = 'YES' as optional
      from information_schema.columns
      where table_schema = 'public' and table_name not like 'schema_migrations%'`.execute(tx),
  )
  const tables: Record<string, Record<string, Column>> = {}
  for (const { table, column, type, nullable, optional } of rows) {
    tables[table] ??= {}
    tables[table][column] = { type: TYPES[type] ?? type, nullable, optional }
  }
  return tables
}

/** Reads the interfaces as text: types are gone when the code runs. */
function declaredTables(text: string): Tables {
  const schema = /export interface Schema \{\n([\s\S]*?)\n\}/.exec(text)![1]!
  return Object.fromEntries(
    [...schema.matchAll(/^ {2}(\w+): (\w+)$/gm)].map(([, table, type]) => {
      const body = new RegExp(`export interface ${type} \\{\\n([\\s\\S]*?)\\n\\}`).exec(text)![1]!
      const columns = [...body.matchAll(/^ {2}(\w+): (.+)$/gm)].map(([, column, type]) => [column!, columnOf(type!)])
      return [table!, Object.fromEntries(columns) as Record<string, Column>]
    }),
  )
}

function columnOf(declared: string): Column {
  const [, wrapper, inner] = /^(\w+)<(.*)>$/.exec(declared) ?? []
  const nullable = declared.startsWith('Nullable') || declared.endsWith('| null')
  const optional = nullable || declared === 'CreatedAt' || wrapper === 'Generated' || wrapper === 'GeneratedAlways'
  const plain = (wrapper?.startsWith('Generated') ? inner! : declared).replace(' | null', '')
  return { type: typeOf(plain), nullable, optional }
}

function typeOf(declared: string): string {
  if (/Json</.test(declared)) return 'json'
  if (/^(Nullable)?Timestamp$|^CreatedAt$/.test(declared)) return 'date'
  if (declared === 'number' || declared === 'boolean') return declared
  return 'string' // text, or one of a set of words
}
