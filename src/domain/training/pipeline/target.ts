// The column to be predicted, as the learners want it: class numbers or plain numbers, without the rows that lack it.
// Classes are ordered by value (numbers ascending, false before true, text by code unit), never by appearance, so that
// the same data in another order gives the same class numbers.
import type { ColumnDtype } from '../../../contract/datasets.ts'
import type { CategoryColumn, Column, NumberColumn, Table, TextColumn } from '../../../ml/table.ts'
import { someOf, unfit } from './unfit.ts'

interface Weighted {
  /** How much each row counts in learning; absent: all alike. */
  readonly weights?: Float64Array
}

interface ClassTarget extends Weighted {
  readonly task: 'classification'
  /** Type of the answer; booleans are 0/1 inside the graph. */
  readonly dtype: 'integer' | 'boolean' | 'string'
  /** Class names as text, in class order. */
  readonly classes: readonly string[]
  /** Class of each row. */
  readonly labels: Int32Array
}

interface NumberTarget extends Weighted {
  readonly task: 'regression'
  readonly values: Float64Array
}

export type Target = ClassTarget | NumberTarget

export interface TargetRequest {
  readonly column: string
  readonly dtype: ColumnDtype
  readonly task: Target['task']
}

/** Rows of the table that have a target, ascending. */
export function rowsWithTarget(table: Table, name: string): Uint32Array {
  const column = targetColumn(table, name)
  const rows = new Uint32Array(table.rows)
  let count = 0
  for (let row = 0; row < table.rows; row++) if (!isMissing(column, row)) rows[count++] = row
  return rows.slice(0, count)
}

/** Reads the target of a table in which every row has one. Throws TRAINING_DATA_INVALID. */
export function readTarget(table: Table, request: TargetRequest): Target {
  const { column: name, task } = request
  if (table.rows < 2) {
    const problem = `has a value in ${table.rows === 1 ? 'one row' : 'no row'}`
    throw unfit({ column: name, problem, remedy: 'upload a dataset with at least two rows that have one' })
  }
  const column = targetColumn(table, name)
  return task === 'regression' ? numbers(column, request) : classes(column, request)
}

function targetColumn(table: Table, name: string): Column {
  const column = table.columns.get(name)
  if (column) return column
  throw unfit({ column: name, problem: 'is the target and not in the dataset', remedy: 'name one of its columns' })
}

function isMissing(column: Column, row: number): boolean {
  if (column.form === 'number') return Number.isNaN(column.values[row])
  if (column.form === 'category') return column.codes[row]! < 0
  return column.values[row] === null
}

/** Answers end at 3e38; what lies between is left to predictions beyond the targets. */
const LARGEST_ANSWER = 1e30

function numbers(column: Column, { column: name, dtype }: TargetRequest): NumberTarget {
  if (column.form !== 'number' || dtype === 'datetime') {
    const problem = `is ${dtype} and cannot be the target of a regression`
    throw unfit({ column: name, problem, remedy: 'choose a numeric column, or model_type "classification"' })
  }
  const far = column.values.find((value) => Math.abs(value) > LARGEST_ANSWER)
  if (far !== undefined) {
    const problem = `holds ${far}, and a model answers in 32 bits`
    throw unfit({ column: name, problem, remedy: 'give it in a larger unit, or leave that row out' })
  }
  const first = column.values[0]
  if (column.values.every((value) => value === first)) {
    const problem = `has the value ${first} in every row`
    throw unfit({ column: name, problem, remedy: 'there is nothing to learn; choose another target' })
  }
  return { task: 'regression', values: column.values }
}

function classes(column: Column, request: TargetRequest): ClassTarget {
  const { column: name, dtype } = request
  const found = column.form === 'number' ? numericClasses(column, request) : textClasses(column)
  const { classes: names, labels } = found
  if (names.length === 1) {
    const problem = `has the single value ${JSON.stringify(names[0])}, so there is nothing to tell apart`
    throw unfit({ column: name, problem, remedy: 'choose another target, or add rows of another class' })
  }
  if (names.includes('__proto__')) {
    const problem = 'has the class "__proto__", a name that no reply in JSON can carry'
    throw unfit({ column: name, problem, remedy: 'give that class another name' })
  }
  if (names.length > labels.length / 2) {
    const problem = `has ${names.length} different values in ${labels.length} rows, too many to be classes`
    const remedy =
      dtype === 'number' || dtype === 'integer'
        ? 'use model_type "regression", or choose another target'
        : 'choose a target with fewer values'
    throw unfit({ column: name, problem, remedy })
  }
  const counts = new Uint32Array(names.length)
  for (const label of labels) counts[label]!++
  const lonely = names.filter((_, label) => counts[label] === 1)
  if (lonely.length > 0) {
    const problem = `has only one row of class ${someOf(lonely)}, which cannot be both learned and held out`
    throw unfit({
      column: name,
      problem,
      remedy: 'add rows of it, or leave that row out',
      details: { classes: lonely },
    })
  }
  return { task: 'classification', ...found }
}

type FoundClasses = Omit<ClassTarget, 'task'>

function numericClasses({ values }: NumberColumn, { column: name, dtype }: TargetRequest): FoundClasses {
  if (dtype === 'datetime') {
    throw unfit({ column: name, problem: 'is a datetime and cannot be a class', remedy: 'choose another target' })
  }
  const fraction = values.find((value) => !Number.isSafeInteger(value))
  if (fraction !== undefined) {
    const problem = `holds ${fraction}, which is not a whole number and cannot be a class`
    throw unfit({ column: name, problem, remedy: 'use model_type "regression", or declare the column as string' })
  }
  const distinct = Float64Array.from(new Set(values)).sort()
  const index = new Map(Array.from(distinct, (value, i) => [value, i]))
  const boolean = dtype === 'boolean'
  return {
    dtype: boolean ? 'boolean' : 'integer',
    classes: Array.from(distinct, (value) => (boolean ? String(value === 1) : String(value))),
    labels: Int32Array.from(values, (value) => index.get(value)!),
  }
}

function textClasses(column: CategoryColumn | TextColumn): FoundClasses {
  const text = column.form === 'category' ? (row: number) => column.dictionary[column.codes[row]!]! : textAt(column)
  const rows = column.form === 'category' ? column.codes.length : column.values.length
  const distinct = new Set<string>()
  for (let row = 0; row < rows; row++) distinct.add(text(row))
  const classes = [...distinct].sort((a, b) => (a < b ? -1 : 1))
  const index = new Map(classes.map((name, i) => [name, i]))
  const labels = new Int32Array(rows)
  for (let row = 0; row < rows; row++) labels[row] = index.get(text(row))!
  return { dtype: 'string', classes, labels }
}

function textAt({ values }: TextColumn): (row: number) => string {
  return (row) => values[row]!
}

/** The target of some of the rows. */
export function selectTarget<T extends Target>(target: T, rows: Uint32Array): T {
  const { weights: all } = target
  const weights = all && { weights: Float64Array.from(rows, (row) => all[row]!) }
  if (target.task === 'regression') {
    return { ...target, ...weights, values: Float64Array.from(rows, (row) => target.values[row]!) }
  }
  return { ...target, ...weights, labels: Int32Array.from(rows, (row) => target.labels[row]!) }
}
