// Partial dependence: the average answer if every row had a certain value in one column (Friedman 2001, "Greedy function
// approximation"). Numbers at their quantiles, categories at their most frequent values; text has no such list.
import type { VersionExplanation } from '../../../../contract/explanations.ts'
import type { SignatureInput } from '../../../../contract/models.ts'
import { type Column, selectRows } from '../../../../ml/table.ts'
import type { Predictions } from '../predictions.ts'
import { cellAt, withColumn } from './cells.ts'
import type { Figures } from './prepare.ts'

const MOST_POINTS = 20
const ROWS = 100
const MOST_CLASSES = 10

type Dependence = VersionExplanation['partial_dependence'][number]

/** Of the columns named, as far as time allows. */
export async function partialDependence(figures: Figures, inputs: readonly SignatureInput[]): Promise<Dependence[]> {
  const found: Dependence[] = []
  for (const [i, input] of inputs.entries()) {
    if (figures.expired()) break
    figures.step(2 / 3 + i / inputs.length / 3)
    const points = await pointsOf(figures, input)
    const names = figures.heldOut.target.task === 'classification' ? figures.heldOut.target.classes : ['prediction']
    if (points.length > 1) found.push({ column: input.name, outputs: names.slice(0, MOST_CLASSES), points })
  }
  return found
}

async function pointsOf(figures: Figures, input: SignatureInput): Promise<Dependence['points']> {
  const { heldOut, sample, scorer, step } = figures
  const table = selectRows(heldOut.table, sample.slice(0, ROWS))
  const column = heldOut.table.columns.get(input.name)!
  const points: Dependence['points'] = []
  for (const row of gridRows(column, heldOut.table.rows)) {
    if (figures.expired()) break
    const fixed = withColumn(heldOut.table, input.name, new Uint32Array(heldOut.table.rows).fill(row))
    const same = { ...table, columns: new Map(table.columns) }
    same.columns.set(input.name, selectRows(fixed, sample.slice(0, ROWS)).columns.get(input.name)!)
    points.push({ value: cellAt(input, column, row), predictions: averages(await scorer.score(same, step)) })
  }
  return points
}

/** Rows that hold the values to try: distinct, in their order. */
function gridRows(column: Column, rows: number): number[] {
  if (column.form === 'text') return []
  const key = (row: number) => (column.form === 'number' ? column.values[row]! : column.codes[row]!)
  const present = Array.from({ length: rows }, (_, row) => row).filter((row) =>
    column.form === 'number' ? Number.isFinite(column.values[row]!) : column.codes[row]! >= 0,
  )
  if (column.form === 'category') return frequent(present, key)
  const sorted = present.sort((a, b) => key(a) - key(b))
  const last = sorted.length - 1
  const picked = Array.from({ length: MOST_POINTS }, (_, i) => sorted[Math.round((i * last) / (MOST_POINTS - 1))]!)
  return picked.filter((row, i) => row !== undefined && (i === 0 || key(row) !== key(picked[i - 1]!)))
}

function frequent(rows: readonly number[], key: (row: number) => number): number[] {
  const counts = new Map<number, { count: number; row: number }>()
  for (const row of rows) {
    const known = counts.get(key(row))
    if (known) known.count++
    else counts.set(key(row), { count: 1, row })
  }
  const sorted = [...counts.values()].sort((a, b) => b.count - a.count || a.row - b.row)
  return sorted.slice(0, MOST_POINTS).map(({ row }) => row)
}

function averages(predictions: Predictions): number[] {
  const values = predictions.task === 'classification' ? predictions.probabilities : predictions.values
  const rows = predictions.task === 'classification' ? predictions.labels.length : predictions.values.length
  const width = values.length / rows
  const sums = new Array<number>(width).fill(0)
  values.forEach((value, i) => {
    sums[i % width]! += value / rows
  })
  return sums.slice(0, MOST_CLASSES)
}
