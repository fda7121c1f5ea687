// How much each row counts, from a column of the dataset. A gap is a refusal rather than a weight somebody made up.
import type { Table } from '../../../ml/table.ts'
import { unfit } from './unfit.ts'

/** Finite, none below 0, not all of them 0. Throws TRAINING_DATA_INVALID. */
export function readWeights(table: Table, name: string): Float64Array {
  const column = table.columns.get(name)
  if (column?.form !== 'number') {
    throw unfit({
      column: name,
      problem: 'is no number in every row',
      remedy: 'name a column of numbers as weight_column',
    })
  }
  const { values } = column
  const bad = values.findIndex((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY))
  if (bad >= 0) {
    const problem = Number.isNaN(values[bad]) ? 'has a gap where a weight is needed' : `has the weight ${values[bad]}`
    throw unfit({ column: name, problem, remedy: 'give every row that has a target a weight of 0 or more' })
  }
  if (values.every((value) => value === 0)) {
    throw unfit({ column: name, problem: 'has the weight 0 in every row', remedy: 'give the rows that count a weight' })
  }
  return values
}
