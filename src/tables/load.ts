// Columns of a file as the typed arrays training wants.
import { stat } from 'node:fs/promises'
import type { ContractColumn } from '../contract/datasets.ts'
import { fail } from '../core/failure.ts'
import type { Column, Table } from '../ml/table.ts'
import { contractColumns } from './check.ts'
import type { TableFile } from './facts.ts'
import { loadApart } from './load-apart.ts'
import { loadStacks } from './load-stacks.ts'
import { COLUMNS_A_PASS, inStrips, type StripOptions } from './strips.ts'

/** Of columns of 8 bytes a cell, 50,000 rows. */
const TALL_COLUMN_BYTES = 400_000

/** The named columns; a cell that does not fit its dtype fails with DATASET_INVALID rather than becoming missing. */
export async function loadTable(
  wanted: readonly ContractColumn[],
  whole: TableFile,
  where: StripOptions,
): Promise<Table> {
  const isTall = await hasTallColumns(whole)
  const table = await inStrips(whole, isTall ? { ...where, width: COLUMNS_A_PASS } : where)
  const columns = contractColumns(table.reading, { columns: [...wanted] }).map(({ contract, column }) => ({
    name: contract.name,
    column,
  }))
  const present = new Set(columns.map(({ name }) => name))
  const absent = wanted.find(({ name }) => !present.has(name))
  if (absent) throw fail('invalid', 'DATASET_INVALID', `The file has no column "${absent.name}"`)
  const load = table.file.strips && !isTall ? loadStacks : loadApart
  const loaded = await load(table, columns, where.folder)
  const [first] = loaded.values()
  return { rows: first ? lengthOf(first) : 0, columns: new Map(wanted.map(({ name }) => [name, loaded.get(name)!])) }
}

/** Whether the cells of a column take longer to be laid one upon the other than its expressions to be planned. */
async function hasTallColumns({ file, reading }: TableFile): Promise<boolean> {
  return (await stat(file.path)).size > TALL_COLUMN_BYTES * reading.columns.length
}

function lengthOf(column: Column): number {
  return column.form === 'category' ? column.codes.length : column.values.length
}
