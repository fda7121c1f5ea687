// A quality set as tables: read as an upload is read, with the inferred contract, and divided as its SOURCE.md says.
import { join } from 'node:path'
import type { ContractColumn } from '../../src/contract/datasets.ts'
import { readTarget, rowsWithTarget, selectTarget, type Target } from '../../src/domain/training/pipeline/target.ts'
import { type Column, selectRows, type Table } from '../../src/ml/table.ts'
import type { Tables } from '../../src/tables/index.ts'
import type { QualitySet } from './sets.ts'

export interface QualityRows {
  readonly columns: readonly ContractColumn[]
  readonly train: { readonly table: Table; readonly target: Target }
  readonly test: { readonly table: Table; readonly target: Target }
}

export async function readRows(set: QualitySet, tables: Tables, data: string): Promise<QualityRows> {
  const paths = [...set.files, ...(set.testFile === undefined ? [] : [set.testFile])]
  const files = paths.map((file) => join(data, set.folder, file))
  const first = await tables.inspect(files[0]!, { target: set.target })
  const inferred = first.contract.columns.filter(({ name }) => !set.leftOut?.includes(name))
  const parts: Table[] = []
  for (const path of files) {
    const { reading } = await tables.inspect(path, { contract: first.contract })
    parts.push(await tables.load({ path, reading }, inferred))
  }
  const all = joinText(stack(parts), set.join)
  const table = selectRows(all, rowsWithTarget(all, set.target))
  const { dtype } = inferred.find(({ name }) => name === set.target)!
  const target = transformed(readTarget(table, { column: set.target, dtype, task: set.task }), set)
  const isTest = heldOut(set, parts, table)
  const [train, test] = [false, true].map((side) => {
    const rows = Uint32Array.from({ length: table.rows }, (_, row) => row).filter((row) => isTest(row) === side)
    return { table: selectRows(table, rows), target: selectTarget(target, rows) }
  })
  return { columns: featureColumns(inferred, set), train: train!, test: test! }
}

/** A file of held-out rows, which all have a target, lies behind the rows to learn from. */
function heldOut(set: QualitySet, parts: readonly Table[], table: Table): (row: number) => boolean {
  const groups = set.groups === undefined ? undefined : table.columns.get(set.groups)
  if (groups?.form === 'number') return (row) => groups.values[row]! % 5 === 0
  if (set.testFile === undefined) return (row) => row % 5 === 0
  const first = table.rows - parts.at(-1)!.rows
  return (row) => row >= first
}

function transformed(target: Target, { transform }: QualitySet): Target {
  if (transform !== 'log1p' || target.task !== 'regression') return target
  return { ...target, values: target.values.map(Math.log1p) }
}

function featureColumns(columns: readonly ContractColumn[], set: QualitySet): ContractColumn[] {
  const features = columns.filter(({ name }) => name !== set.target && name !== set.groups)
  if (!set.join) return features
  const joined: ContractColumn = { name: 'text', dtype: 'text', required: true, nullable: true }
  return [...features.filter(({ name }) => !set.join?.includes(name)), joined]
}

function joinText(table: Table, names: readonly string[] | undefined): Table {
  if (!names) return table
  const parts = names.map((name) => asText(table.columns.get(name)!))
  const values = Array.from({ length: table.rows }, (_, row) => parts.map((part) => part(row)).join(' '))
  return { ...table, columns: new Map([...table.columns, ['text', { form: 'text', values }]]) }
}

function asText(column: Column): (row: number) => string {
  if (column.form === 'text') return (row) => column.values[row] ?? ''
  if (column.form === 'category') return (row) => column.dictionary[column.codes[row]!] ?? ''
  return (row) => String(column.values[row])
}

/** The rows of tables with the same columns, one after the other. */
function stack(parts: readonly Table[]): Table {
  const columns = new Map<string, Column>()
  for (const name of parts[0]!.columns.keys()) columns.set(name, concat(parts.map((part) => part.columns.get(name)!)))
  return { rows: parts.reduce((sum, part) => sum + part.rows, 0), columns }
}

function concat(parts: readonly Column[]): Column {
  if (parts[0]!.form === 'number') {
    return {
      form: 'number',
      values: Float64Array.from(parts.flatMap((part) => (part.form === 'number' ? [...part.values] : []))),
    }
  }
  const rows = parts.flatMap((part) => {
    const read = asText(part)
    const length = part.form === 'category' ? part.codes.length : part.values.length
    return Array.from({ length }, (_, row) => (isMissing(part, row) ? null : read(row)))
  })
  if (parts[0]!.form === 'text') return { form: 'text', values: rows }
  const dictionary = [...new Set(rows.filter((value) => value !== null))]
  const codes = new Map(dictionary.map((value, code) => [value, code]))
  return {
    form: 'category',
    dictionary,
    codes: Int32Array.from(rows, (value) => (value === null ? -1 : codes.get(value)!)),
  }
}

function isMissing(column: Column, row: number): boolean {
  if (column.form === 'category') return column.codes[row]! < 0
  return column.form === 'text' && column.values[row] === null
}
