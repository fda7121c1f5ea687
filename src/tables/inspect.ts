// The first look at an upload: profile, contract and report from as few passes over the file as will do.
//
// An inferred contract says what this file showed and no more: every column required, its dtype, missing cells allowed
// where there are some (never in the target), and no limits or categories, because tomorrow's file may hold new ones.
import type { ColumnProfile, ContractColumn, DataContract, ValidationReport } from '../contract/datasets.ts'
import { type CheckedColumn, checkTable, contractColumns } from './check.ts'
import { type MeasuredColumn, measure, nestedExpression, type TableFile } from './facts.ts'
import { guessAll, type Inferred, inferColumns } from './infer.ts'
import { profileColumns } from './profile.ts'
import type { Reading } from './reading.ts'
import { refuse } from './refuse.ts'
import { fileRelation } from './sql.ts'

export interface Inspection {
  /** Store it: every later call takes it back. */
  readonly reading: Reading
  readonly rows: number
  readonly columns: readonly ColumnProfile[]
  readonly contract: DataContract
  readonly report: ValidationReport
}

export async function inspectTable(
  table: TableFile,
  options: { readonly target?: string | undefined; readonly contract?: DataContract | undefined },
): Promise<Inspection> {
  const given = options.contract && contractColumns(table.reading, options.contract)
  const known = new Map(given?.map(({ contract, column }) => [column.index, { contract, column }]))
  const target = options.contract?.target ?? options.target
  const open = table.reading.columns.map((_, index) => index).filter((index) => !known.has(index))
  const guesses = await guessAll(
    table,
    table.reading.columns.map((_, index) => index),
  )
  const inferred = new Map<number, Inferred>()
  const unknown = new Map(open.map((index) => [index, guesses[index]!]))
  for (const found of await inferColumns(table, unknown, target)) inferred.set(found.column.index, found)
  const wanted = [...known.values()].map(({ column }) => column)
  for (const found of await measureGiven(table, wanted)) {
    inferred.set(found.column.index, { ...found, repeated: guesses[found.column.index]!.repeated })
  }

  const all = table.reading.columns.map((_, index) => inferred.get(index)!)
  const rows = all[0]!.facts.rows
  if (rows === 0) throw refuse('empty', 'The file holds a header and no rows')
  await refuseNested(table, all)
  const reading = { ...table.reading, columns: table.reading.columns.map((column, i) => withOrder(column, all[i]!)) }
  const settled = { ...table, reading }
  const contract = withTarget(options.contract ?? inferContract(reading, all, target), target)
  const checked = contractColumns(reading, contract).map((pair): CheckedColumn => {
    return { ...pair, facts: inferred.get(pair.column.index)!.facts }
  })
  const columns = await profileColumns(settled, all)
  const report = await checkTable(settled, contract, checked)
  return { reading, rows, columns, contract, report }
}

function withOrder(
  column: Reading['columns'][number],
  { column: { slashOrder } }: Inferred,
): Reading['columns'][number] {
  return slashOrder ? { ...column, slashOrder } : column
}

function withTarget(contract: DataContract, target: string | undefined): DataContract {
  return target === undefined ? contract : { ...contract, target }
}

function inferContract(reading: Reading, inferred: readonly Inferred[], target: string | undefined): DataContract {
  const columns = inferred.map(({ column, facts }): ContractColumn => {
    const { name } = reading.columns[column.index]!
    const hasMissing = facts.values + facts.wrong < facts.rows
    return { name, dtype: column.dtype, required: true, nullable: name !== target && hasMissing }
  })
  return { columns }
}

async function refuseNested(table: TableFile, inferred: readonly Inferred[]): Promise<void> {
  const nested = inferred.find(({ facts }) => facts.nested > 0)
  if (!nested) return
  const { index } = nested.column
  const { name } = table.reading.columns[index]!
  const numbered = `SELECT row_number() OVER () AS r, c${index} FROM ${fileRelation(table.file, table.reading, [index])}`
  const [place] = await table.engine.rows(
    `SELECT r, left(CAST(c${index} AS VARCHAR), 201) FROM (${numbered}) WHERE ${nestedExpression(index)} LIMIT 1`,
  )
  const row = Number(place![0])
  const message = `Row ${row}, column "${name}" holds an object or an array: a cell must be a single value`
  throw refuse('nested', message, { row, column: name, value: String(place![1]) })
}

/** The columns a given contract types. Slashed dates take the order of day and month that the whole column allows. */
async function measureGiven(
  table: TableFile,
  columns: readonly MeasuredColumn[],
): Promise<Omit<Inferred, 'repeated'>[]> {
  const facts = await measure(table, columns)
  const measured = columns.map((column, k) => ({ column, facts: facts[k]! }))
  const unclear = measured.filter(({ column, facts }) => column.dtype === 'datetime' && facts.wrong > 0)
  const orders = unclear.flatMap(({ column }) => SLASH_ORDERS.map((slashOrder) => ({ ...column, slashOrder })))
  const again = await measure(table, orders)
  const tried = orders.map((column, k) => ({ column, facts: again[k]! })).filter(({ facts }) => facts.wrong === 0)
  return measured.map((one) => {
    const fitting = tried.filter(({ column }) => column.index === one.column.index)
    return fitting.length === 1 ? fitting[0]! : one
  })
}

const SLASH_ORDERS = ['mdy', 'dmy'] as const
