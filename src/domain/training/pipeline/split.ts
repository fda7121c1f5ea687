// Which rows are held out. Classes keep their shares; with a time column the latest rows are held out instead, because a
// model is always asked about a time it has not seen.
import { fail, MlError } from '../../../core/failure.ts'
import {
  foldsShuffled,
  foldsStratified,
  type Split,
  splitByTime,
  splitShuffled,
  splitStratified,
} from '../../../ml/split/index.ts'
import { selectRows, type Table } from '../../../ml/table.ts'
import type { TrainingData } from './load.ts'
import type { Labelled } from './rows.ts'
import type { SplitReport, TrainingSpec } from './spec.ts'
import { selectTarget, type Target } from './target.ts'
import { someOf, unfit } from './unfit.ts'

export interface SplitRows {
  readonly train: Labelled
  readonly heldOut: Labelled
  readonly report: SplitReport
  readonly warnings: readonly string[]
}

export function splitRows({ table, target, droppedRows }: TrainingData, spec: TrainingSpec): SplitRows {
  const { test_fraction: fraction, seed, time_column: timeColumn } = spec.evaluation
  const method = timeColumn !== undefined ? 'time' : target.task === 'classification' ? 'stratified' : 'random'
  const split = splittable(timeColumn ?? spec.target, 'into rows to learn from and rows to hold out', () =>
    timeColumn !== undefined
      ? splitByTime(times(table, timeColumn), fraction)
      : target.task === 'classification'
        ? splitStratified(target.labels, { fraction, seed, classes: target.classes })
        : splitShuffled(table.rows, { fraction, seed }),
  )
  const train = part(table, target, split.train)
  const warnings = unseenClasses(train.target, spec)
  if (droppedRows > 0) warnings.push(`${droppedRows} rows were left out because "${spec.target}" is missing in them`)
  if (timeColumn !== undefined && spec.evaluation.folds !== undefined) {
    warnings.push(`The folds are drawn at random among the training rows, without regard to "${timeColumn}"`)
  }
  return {
    train,
    heldOut: part(table, target, split.test),
    warnings,
    report: {
      method,
      train_rows: split.train.length,
      test_rows: split.test.length,
      test_fraction: fraction,
      seed,
      ...(timeColumn !== undefined && { time_column: timeColumn }),
      dropped_rows: droppedRows,
    },
  }
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

/** Only a split by time can part a class from the training rows. */
function unseenClasses(target: Target, { target: column }: TrainingSpec): string[] {
  if (target.task === 'regression') return []
  const seen = new Set(target.labels)
  const unseen = target.classes.filter((_, label) => !seen.has(label))
  if (unseen.length === 0) return []
  return [
    `Of "${column}", no training row is of class ${someOf(unseen)}: what is only in the held-out rows cannot be predicted`,
  ]
}

/** k parts of the training rows; classes keep their shares in each. */
export function foldRows(target: Target, { target: column, evaluation: { folds = 2, seed } }: TrainingSpec): Split[] {
  return splittable(column, 'in the training rows, which make the folds', () =>
    target.task === 'classification'
      ? foldsStratified(target.labels, { folds, seed, classes: target.classes })
      : foldsShuffled(target.values.length, { folds, seed }),
  )
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
