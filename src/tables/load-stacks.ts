// Columns of a wide file, which lies in strips: those of a strip that are read alike come as one long column, row by row, so that
// the engine plans their expressions once. Planned for each, as `load-apart.ts` does, they take five milliseconds of every column.
import type { Column } from '../ml/table.ts'
import type { TableFile } from './facts.ts'
import {
  codeExpression,
  inOrder,
  type NamedColumn,
  numberExpression,
  readDictionary,
  readTexts,
  writeTexts,
} from './load-apart.ts'
import { WRONG_CELL } from './sql.ts'
import { inHalves, stackRelation, stacksOf } from './stacks.ts'
import { rowsIn } from './strips.ts'

/** Beyond so many, making them a type takes longer than to read the columns in two halves. */
const DICTIONARY_VALUES = 50_000

export async function loadStacks(
  table: TableFile,
  columns: readonly NamedColumn[],
  folder: string,
): Promise<Map<string, Column>> {
  const loaded = new Map<string, Column>()
  for (const stack of stacksOf(table.file, columns, { columnOf: ({ column }) => column })) {
    // The categories of all together may be more than there is memory for.
    await inHalves(stack, async (half) => {
      const found = await loadStack(table, half, folder)
      for (const [k, { name }] of half.entries()) loaded.set(name, found[k]!)
    })
  }
  return loaded
}

function loadStack(table: TableFile, columns: readonly NamedColumn[], folder: string): Promise<Column[]> {
  const { dtype } = columns[0]!.column
  if (dtype === 'text') return loadTexts(table, columns, folder)
  return dtype === 'string' ? loadCategories(table, columns) : loadNumbers(table, columns)
}

function relationOf(table: TableFile, columns: readonly NamedColumn[]): string {
  return stackRelation(
    table,
    columns.map(({ column }) => column),
  )
}

async function loadNumbers(table: TableFile, columns: readonly NamedColumn[]): Promise<Column[]> {
  const rows = rowsIn(table.file)
  const values = columns.map(() => new Float64Array(rows))
  const indexes = columns.map(({ column }) => column.index)
  const place = `'${WRONG_CELL}' || [${indexes.join(', ')}][k + 1] || ': '`
  const value = numberExpression(columns[0]!.column, place)
  await fill(values, table, `SELECT ${value} FROM ${relationOf(table, columns)}`)
  return values.map((values): Column => ({ form: 'number', values }))
}

/** By a dictionary of all their values, which each column then has its part of. */
async function loadCategories(table: TableFile, columns: readonly NamedColumn[]): Promise<Column[]> {
  const { engine, file } = table
  const rows = rowsIn(file)
  const { index } = columns[0]!.column
  const relation = relationOf(table, columns)
  await engine.run(`CREATE OR REPLACE TEMP TABLE dictionary AS
    SELECT DISTINCT x${index} AS v FROM ${relation} WHERE x${index} IS NOT NULL`)
  const [[count] = []] = await engine.rows('SELECT count(*) FROM dictionary')
  if (columns.length > 1 && Number(count) > DICTIONARY_VALUES) {
    const half = Math.ceil(columns.length / 2)
    const first = await loadCategories(table, columns.slice(0, half))
    return [...first, ...(await loadCategories(table, columns.slice(half)))]
  }
  await engine.run('CREATE TYPE every AS ENUM (SELECT v FROM dictionary)')
  try {
    const dictionary = await readDictionary(engine, 'every')
    const codes = columns.map(() => new Int32Array(rows).fill(-1))
    const code = codeExpression(`x${index}`, 'every')
    if (dictionary.length > 0) await fill(codes, table, `SELECT ${code} FROM ${relation}`)
    const places = new Int32Array(dictionary.length)
    return codes.map((codes) => inOrder(codes, dictionary, places))
  } finally {
    await engine.run('DROP TYPE every')
  }
}

async function loadTexts(table: TableFile, columns: readonly NamedColumn[], folder: string): Promise<Column[]> {
  const path = `${folder}/texts`
  await writeTexts(table, path, `SELECT x${columns[0]!.column.index} AS t FROM ${relationOf(table, columns)}`)
  const values = columns.map((): (string | null)[] => [])
  let next = 0
  for await (const rows of readTexts(path)) {
    for (const { t } of rows) values[next++ % columns.length]!.push(t ?? null)
  }
  return values.map((values): Column => ({ form: 'text', values }))
}

/** The cells of a row follow one another, and the rows are in the order of the file. */
async function fill(into: readonly (Float64Array | Int32Array)[], { engine }: TableFile, sql: string): Promise<void> {
  let row = 0
  let k = 0
  for await (const chunk of engine.chunks(sql)) {
    // Asked once: it is a call into the engine.
    const { rowCount } = chunk
    const vector = chunk.getColumnVector(0)
    for (let i = 0; i < rowCount; i++) {
      into[k]![row] = vector.getItem(i) as number
      if (++k < into.length) continue
      k = 0
      row++
    }
  }
  if (k !== 0 || row !== into[0]!.length) throw new Error(`Strips of ${into[0]!.length} rows were read as ${row}`)
}
