import { expect, test } from 'vitest'
import type { ColumnDtype } from '../../../contract/datasets.ts'
import type { MlError } from '../../../core/failure.ts'
import type { Column, Table } from '../../../ml/table.ts'
import { readTarget, rowsWithTarget, selectTarget, type Target } from './target.ts'

const numbers = (...values: number[]): Column => ({ form: 'number', values: Float64Array.from(values) })
const texts = (...values: (string | null)[]): Column => ({ form: 'text', values })
const codes = (dictionary: string[], ...values: number[]): Column => ({
  form: 'category',
  codes: Int32Array.from(values),
  dictionary,
})
const aTable = (column: Column): Table => ({
  rows: column.form === 'category' ? column.codes.length : column.values.length,
  columns: new Map([['y', column]]),
})
const read = (column: Column, dtype: ColumnDtype, task: Target['task'] = 'classification') =>
  readTarget(aTable(column), { column: 'y', dtype, task })

function refusal(work: () => unknown): MlError {
  try {
    work()
  } catch (error) {
    return error as MlError
  }
  return expect.unreachable('should have been refused')
}

test('integer classes are in numeric order', () => {
  expect(read(numbers(10, 9, 10, 9, -1, -1), 'integer')).toEqual({
    task: 'classification',
    dtype: 'integer',
    classes: ['-1', '9', '10'],
    labels: Int32Array.of(2, 1, 2, 1, 0, 0),
  })
})

test('boolean classes are false and true, in that order', () => {
  expect(read(numbers(1, 0, 0, 1), 'boolean')).toMatchObject({
    dtype: 'boolean',
    classes: ['false', 'true'],
    labels: Int32Array.of(1, 0, 0, 1),
  })
})

test('text classes are ordered by code unit, not by appearance', () => {
  expect(read(codes(['b', 'é', 'B'], 0, 1, 2, 0, 1, 2), 'string')).toMatchObject({
    classes: ['B', 'b', 'é'],
    labels: Int32Array.of(1, 2, 0, 1, 2, 0),
  })
  expect(read(texts('no', 'yes', 'no', 'yes'), 'text')).toMatchObject({ dtype: 'string', classes: ['no', 'yes'] })
})

test('a category that no row uses is no class', () => {
  expect(read(codes(['a', 'unused', 'b'], 0, 2, 0, 2), 'string')).toMatchObject({ classes: ['a', 'b'] })
})

test('rows without a target are found in every form of column', () => {
  expect([...rowsWithTarget(aTable(numbers(1, Number.NaN, 3)), 'y')]).toEqual([0, 2])
  expect([...rowsWithTarget(aTable(codes(['a'], -1, 0)), 'y')]).toEqual([1])
  expect([...rowsWithTarget(aTable(texts('a', null)), 'y')]).toEqual([0])
})

test('a target can be read for some of the rows', () => {
  const target = read(numbers(0, 1, 0, 1), 'integer') as Extract<Target, { task: 'classification' }>
  expect(selectTarget(target, Uint32Array.of(3, 0)).labels).toEqual(Int32Array.of(1, 0))
  expect(selectTarget({ task: 'regression', values: Float64Array.of(5, 6) }, Uint32Array.of(1)).values).toEqual(
    Float64Array.of(6),
  )
})

const CASES: readonly [name: string, work: () => unknown, problem: RegExp, remedy: RegExp][] = [
  ['a target that is not a column', () => rowsWithTarget({ rows: 1, columns: new Map() }, 'y'), /not in/, /name one/],
  ['no row', () => read(numbers(), 'integer'), /in no row/, /at least two rows/],
  ['one row', () => read(numbers(1), 'integer'), /in one row/, /at least two rows/],
  ['one class', () => read(codes(['a'], 0, 0), 'string'), /single value "a"/, /another target/],
  [
    'a class of a name that JSON loses',
    () => read(texts('a', '__proto__', 'a', '__proto__'), 'text'),
    /"__proto__"/,
    /another name/,
  ],
  ['a class with a single row', () => read(numbers(1, 1, 1, 1, 2), 'integer'), /one row of class "2"/, /add rows/],
  ['too many number classes', () => read(numbers(1, 2, 3, 4), 'integer'), /4 different values in 4/, /regression/],
  ['too many text classes', () => read(texts('a', 'b', 'c'), 'text'), /3 different values in 3/, /fewer/],
  ['fractional classes', () => read(numbers(0.5, 1, 0.5, 1), 'number'), /holds 0.5/, /regression/],
  ['dates as classes', () => read(numbers(1, 2, 1, 2), 'datetime'), /datetime/, /another target/],
  ['text in a regression', () => read(texts('a', 'b'), 'text', 'regression'), /is text/, /classification/],
  ['dates in a regression', () => read(numbers(1, 2), 'datetime', 'regression'), /is datetime/, /numeric/],
  ['a constant in a regression', () => read(numbers(3, 3), 'number', 'regression'), /value 3 in every/, /another/],
]

test.each(CASES)('%s is refused with the column and a remedy', (_name, work, problem, remedy) => {
  const error = refusal(work)
  expect(error).toMatchObject({ kind: 'invalid', code: 'TRAINING_DATA_INVALID', details: { column: 'y' } })
  expect(error.message).toContain('Column "y"')
  expect(error.message).toMatch(problem)
  expect(String(error.details?.remedy)).toMatch(remedy)
})
