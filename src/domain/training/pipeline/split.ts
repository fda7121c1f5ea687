// Which rows are held out. Classes keep their shares; with a time column the latest rows are held out instead, because a
// model is always asked about a time it has not seen; with a group column whole groups, for the same reason.
import type { EvaluationSplit } from '../../../contract/evaluation.ts'
import { fail, MlError } from '../../../core/failure.ts'
import {
  foldsByTime,
  foldsGrouped,
  foldsShuffled,
  foldsStratified,
  type Split,
  splitByTime,
  splitGrouped,
  splitShuffled,
  splitStratified,
} from '../../../ml/split/index.ts'
import { selectRows, type Table } from '../../../ml/table.ts'
import { amountWarnings } from './amounts.ts'
import { cellOf } from './cells.ts'
import { leakageWarnings } from './leakage.ts'
import type { TrainingData } from './load.ts'
import type { Labelled } from './rows.ts'
import type { TrainingSpec } from './spec.ts'
import { selectTarget, type Target } from './target.ts'
import { someOf, unfit } from './unfit.ts'

export interface SplitRows {
  readonly train: Labelled
  readonly heldOut: Labelled
  readonly report: EvaluationSplit
  readonly warnings: readonly string[]
}

export function splitRows({ table, target, droppedRows }: TrainingData, spec: TrainingSpec): SplitRows {
  const { test_fraction: fraction, seed, time_column: timeColumn, group_column: groupColumn } = spec.evaluation
  const rows: Labelled = { table, target }
  const method = methodOf(rows, spec)
  const split = splittable(orderingColumn(spec), 'into rows to learn from and rows to hold out', () =>
    holdOut(rows, spec, method),
  )
  const train = part(table, target, split.train)
  const warnings = unseenClasses(train.target, spec)
  if (droppedRows > 0) warnings.push(`${droppedRows} rows were left out because "${spec.target}" is missing in them`)
  const kept = { train, heldOut: part(table, target, split.test) }
  return {
    ...kept,
    warnings: [...warnings, ...amountWarnings(train.table, spec.features), ...leakageWarnings({ ...kept, spec })],
    report: {
      method,
      train_rows: split.train.length,
      test_rows: split.test.length,
      test_fraction: fraction,
      seed,
      ...(timeColumn !== undefined && { time_column: timeColumn }),
      ...(groupColumn !== undefined && { group_column: groupColumn }),
      dropped_rows: droppedRows,
    },
  }
}

function methodOf({ target }: Labelled, { evaluation }: TrainingSpec): EvaluationSplit['method'] {
  if (evaluation.time_column !== undefined) return 'time'
  if (evaluation.group_column !== undefined) return 'grouped'
  return target.task === 'classification' ? 'stratified' : 'random'
}

/** The column to blame when a split is impossible. */
function orderingColumn({ evaluation, target }: TrainingSpec): string {
  return evaluation.time_column ?? evaluation.group_column ?? target
}

function holdOut({ table, target }: Labelled, { evaluation }: TrainingSpec, method: EvaluationSplit['method']): Split {
  const { test_fraction: fraction, seed } = evaluation
  if (method === 'time') return splitByTime(times(table, evaluation.time_column!), fraction)
  if (method === 'grouped') return splitGrouped(groups(table, evaluation.group_column!), { fraction, seed })
  if (target.task === 'regression') return splitShuffled(table.rows, { fraction, seed })
  return splitStratified(target.labels, { fraction, seed, classes: target.classes })
}

function part(table: Table, target: Target, rows: Uint32Array): Labelled {
  return { table: selectRows(table, rows), target: selectTarget(target, rows) }
}

function times(table: Table, name: string): Float64Array {
  const column = table.columns.get(name)
  if (column?.form === 'number') return column.values
  const problem = 'holds text, which does not say what is earlier'
  throw unfit({ column: name, problem, remedy: 'declare it as datetime or number, or name another time_column' })
}

/** A number for each different value; rows without one make a group each, because nothing says that they belong together. */
function groups(table: Table, name: string): Int32Array {
  const column = table.columns.get(name)
  if (!column) throw unfit({ column: name, problem: 'is not in the dataset', remedy: 'name another group_column' })
  const numbers = new Map<unknown, number>()
  return Int32Array.from({ length: table.rows }, (_, row) => {
    const value = cellOf(column, row)
    const key = value === null ? `row ${row}` : value
    const found = numbers.get(key) ?? numbers.size
    numbers.set(key, found)
    return found
  })
}

/** Only a split by time or by groups can part a class from the training rows. */
function unseenClasses(target: Target, { target: column }: TrainingSpec): string[] {
  if (target.task === 'regression') return []
  const seen = new Set(target.labels)
  const unseen = target.classes.filter((_, label) => !seen.has(label))
  if (unseen.length === 0) return []
  return [
    `Of "${column}", no training row is of class ${someOf(unseen)}: what is only in the held-out rows cannot be predicted`,
  ]
}

export interface FoldRequest {
  readonly spec: TrainingSpec
  readonly folds: number
}

/** k parts of the training rows, divided as the held-out rows were: by time, by groups, or so that classes keep their shares. */
export function foldRows({ table, target }: Labelled, { spec, folds }: FoldRequest): Split[] {
  const { seed, time_column: timeColumn, group_column: groupColumn } = spec.evaluation
  return splittable(orderingColumn(spec), 'in the training rows, which make the folds', () => {
    if (timeColumn !== undefined) return foldsByTime(times(table, timeColumn), folds)
    if (groupColumn !== undefined) return foldsGrouped(groups(table, groupColumn), { folds, seed })
    if (target.task === 'regression') return foldsShuffled(target.values.length, { folds, seed })
    return foldsStratified(target.labels, { folds, seed, classes: target.classes })
  })
}

/** Names the column that stands in the way of a split. */
function splittable<T>(column: string, where: string, split: () => T): T {
  try {
    return split()
  } catch (error) {
    if (!(error instanceof MlError) || error.code !== 'SPLIT_IMPOSSIBLE') throw error
    const message = `Column "${column}" cannot be split ${where}: ${error.message}`
    throw fail('invalid', 'TRAINING_DATA_INVALID', message, { details: { column, ...error.details }, cause: error })
  }
}
