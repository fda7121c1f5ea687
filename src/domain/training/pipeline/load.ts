// The rows to learn from: only the columns that are needed, only the rows whose target is known.
import type { ContractColumn } from '../../../contract/datasets.ts'
import { selectRows, type Table } from '../../../ml/table.ts'
import { openTables, type StoredTable } from '../../../tables/index.ts'
import type { TrainingSpec } from './spec.ts'
import { readTarget, rowsWithTarget, type Target } from './target.ts'
import { unfit } from './unfit.ts'
import { readWeights } from './weights.ts'

export interface TrainingData {
  readonly table: Table
  readonly target: Target
  /** Rows left out because their target is missing. */
  readonly droppedRows: number
}

export async function loadData(spec: TrainingSpec, signal: AbortSignal): Promise<TrainingData> {
  const all = await loadColumns(spec, signal)
  const rows = rowsWithTarget(all, spec.target)
  const droppedRows = all.rows - rows.length
  const table = droppedRows === 0 ? all : selectRows(all, rows)
  const { dtype } = contractColumn(spec, spec.target)
  const target = readTarget(table, { column: spec.target, dtype, task: spec.modelType })
  if (spec.weightColumn === undefined) return { table, target, droppedRows }
  return { table, target: { ...target, weights: readWeights(table, spec.weightColumn) }, droppedRows }
}

async function loadColumns(spec: TrainingSpec, signal: AbortSignal): Promise<Table> {
  const stored: StoredTable = { path: spec.dataFile, reading: spec.reading as StoredTable['reading'] }
  // Inside the output folder, which the caller removes even when this process is killed half-way.
  const tables = openTables({ tempDir: spec.outputDir })
  try {
    return await tables.load(stored, neededColumns(spec, stored), signal)
  } finally {
    await tables.close()
  }
}

/** Target, features, the columns that weigh, order or group the rows, and what the live version takes, as far as the file has it. */
function neededColumns(spec: TrainingSpec, { reading }: StoredTable): ContractColumn[] {
  const present = new Set(reading.columns.map((column) => column.name))
  const needed = [spec.target, ...spec.features]
  const { time_column: timeColumn, group_column: groupColumn } = spec.evaluation
  needed.push(...[timeColumn, groupColumn, spec.weightColumn].filter((name) => name !== undefined))
  const own = new Map(spec.contract.columns.map((column) => [column.name, column]))
  const champion = (spec.champion?.signature.inputs ?? []).map((input) => input.name)
  const optional = champion.filter((name) => present.has(name) && own.has(name))
  return [...new Set([...needed, ...optional])].map((name) => contractColumn(spec, name))
}

export function contractColumn({ contract }: TrainingSpec, name: string): ContractColumn {
  const column = namedColumns(contract).get(name)
  if (column) return column
  throw unfit({ column: name, problem: 'is not in the data contract', remedy: 'name one of its columns' })
}

const known = new WeakMap<TrainingSpec['contract'], ReadonlyMap<string, ContractColumn>>()

/** Kept: thousands of features are asked for one by one, of thousands of columns. */
function namedColumns(contract: TrainingSpec['contract']): ReadonlyMap<string, ContractColumn> {
  const kept = known.get(contract)
  if (kept) return kept
  const made = new Map(contract.columns.map((column) => [column.name, column]))
  known.set(contract, made)
  return made
}
