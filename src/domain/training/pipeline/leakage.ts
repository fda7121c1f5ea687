// Signs that the figures are too good to be true: a column that says the target, a row that was learned and is judged, a
// number that was only given to the row. These are warnings, because every one of them has honest causes.
import { rankingAreas } from '../../../ml/metrics/index.ts'
import { type Column, selectRows } from '../../../ml/table.ts'
import { cellOf } from './cells.ts'
import { rowDigests } from './digest.ts'
import { contractColumn } from './load.ts'
import type { Labelled } from './rows.ts'
import { fitSingle } from './single-feature.ts'
import type { TrainingSpec } from './spec.ts'
import { selectTarget, type Target } from './target.ts'

export interface LeakageRequest {
  readonly train: Labelled
  readonly heldOut: Labelled
  readonly spec: TrainingSpec
}

/** Score of one column alone (area under the ROC curve, or R²) from which on it is suspicious. */
const SUSPICIOUS = 0.99
/** Fewer rows than this are separated by chance too easily. */
const MIN_ROWS = 20
const MAX_ROWS = 5000
/** Fewer whole numbers are all different by chance too easily. */
const MIN_NUMBERED = 50
/** Share of held-out rows that are also training rows from which on it is worth a word. */
const MIN_DUPLICATES = 0.01
/** Widest step of a numbering, in usual ones: runs of held-out rows are short. */
const MAX_GAP = 20
/** Classes whose areas are averaged. */
const MAX_CLASSES = 20

export function leakageWarnings(request: LeakageRequest): string[] {
  const { train, heldOut, spec } = request
  const some = { spec, train: sampled(train), heldOut: sampled(heldOut) }
  const warnings = spec.features.flatMap((name) => columnWarning(name, some) ?? [])
  const duplicates = duplicateRows(train, heldOut, spec)
  if (duplicates / heldOut.table.rows > MIN_DUPLICATES) {
    warnings.push(
      `${duplicates} of ${heldOut.table.rows} held-out rows are also among the training rows, which makes the figures better than they are: remove repeated rows from the dataset, or keep rows that belong together on one side with evaluation.group_column`,
    )
  }
  return warnings
}

/** Evenly spaced rows: enough to tell 0.99 from 0.98, and as quick for a million rows. */
function sampled({ table, target }: Labelled): Labelled {
  if (table.rows <= MAX_ROWS) return { table, target }
  const rows = Uint32Array.from({ length: MAX_ROWS }, (_, i) => Math.floor((i * table.rows) / MAX_ROWS))
  return { table: selectRows(table, rows), target: selectTarget(target, rows) }
}

function columnWarning(name: string, { train, heldOut, spec }: LeakageRequest): string | undefined {
  if (train.table.rows < MIN_ROWS) return undefined
  const [own, other] = [train, heldOut].map(({ table }) => table.columns.get(name)!)
  if (copies(own!, train.target) && copies(other!, heldOut.target)) {
    return `Column "${name}" says the target "${spec.target}" in every row: leave it out of "features" unless it is known before the prediction is made`
  }
  if (isNumbering(own!, contractColumn(spec, name).dtype)) {
    return `Column "${name}" is different in every row, like a number given to it: leave it out of "features", it says nothing about new rows`
  }
  if (heldOut.table.rows < MIN_ROWS) return undefined
  const score = singleScore(own!, other!, { train, heldOut, spec })
  // Not a number where the cells are too far apart to be squared.
  if (!(score >= SUSPICIOUS)) return undefined
  const figure = spec.modelType === 'regression' ? 'R²' : 'area under the ROC curve'
  return `Column "${name}" alone predicts "${spec.target}" (${figure} ${score.toFixed(3)}): if it is only known afterwards, leave it out of "features"`
}

/** Every value stands for one class and every class for one value; of numbers, the target itself. */
function copies(column: Column, target: Target): boolean {
  if (target.task === 'regression') {
    return column.form === 'number' && column.values.every((value, row) => value === target.values[row])
  }
  const classOf = new Map<unknown, number>()
  const wordOf = new Map<number, unknown>()
  for (let row = 0; row < target.labels.length; row++) {
    const value = cellOf(column, row)
    const label = target.labels[row]!
    if (value === null) return false
    if (!classOf.has(value)) classOf.set(value, label)
    if (!wordOf.has(label)) wordOf.set(label, value)
    if (classOf.get(value) !== label || wordOf.get(label) !== value) return false
  }
  return wordOf.size > 1
}

/** Whole numbers without repeats and without gaps to speak of. Words that are all different are left out by the encoder. */
function isNumbering(column: Column, dtype: string): boolean {
  if (dtype === 'datetime' || column.form !== 'number' || column.values.length < MIN_NUMBERED) return false
  const { values } = column
  if (!values.every(Number.isSafeInteger) || new Set(values).size < values.length) return false
  const sorted = Float64Array.from(values).sort()
  const gaps = Float64Array.from({ length: sorted.length - 1 }, (_, i) => sorted[i + 1]! - sorted[i]!).sort()
  // The held-out rows, and those not sampled, make gaps; but all about alike.
  return gaps.at(-1)! <= MAX_GAP * Math.max(1, gaps[gaps.length >> 1]!)
}

/** What a column says about the held-out rows by itself, learned from the training rows; the worse of both parts. */
function singleScore(own: Column, other: Column, { train, heldOut }: LeakageRequest): number {
  const parts = [
    { column: own, target: train.target },
    { column: other, target: heldOut.target },
  ]
  if (train.target.task === 'regression') {
    const guess = fitSingle(own, train.target.values)
    return Math.min(...parts.map(({ column, target }) => rSquared(column, target, guess)))
  }
  const { labels, classes } = train.target
  const counts = new Uint32Array(classes.length)
  for (const label of labels) counts[label]!++
  const order = classes.map((_, k) => k).sort((a, b) => counts[b]! - counts[a]!)
  const judged = classes.length === 2 ? [1] : order.slice(0, MAX_CLASSES)
  const areas = judged.map((k) => {
    const guess = fitSingle(
      own,
      Float64Array.from(labels, (label) => Number(label === k)),
    )
    return Math.min(...parts.map(({ column, target }) => areaOf(column, target, { k, guess })))
  })
  return areas.reduce((sum, area) => sum + area, 0) / areas.length
}

type Guess = (column: Column, row: number) => number

function areaOf(column: Column, target: Target, { k, guess }: { readonly k: number; readonly guess: Guess }): number {
  if (target.task === 'regression') return 0
  const { labels } = target
  const { rocAuc } = rankingAreas({
    rows: labels.length,
    score: (row) => guess(column, row),
    positive: (row) => labels[row] === k,
  })
  return Number.isFinite(rocAuc) ? rocAuc : 0
}

function rSquared(column: Column, target: Target, guess: Guess): number {
  if (target.task === 'classification') return 0
  const { values } = target
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  let errors = 0
  let variation = 0
  for (let row = 0; row < values.length; row++) {
    errors += (values[row]! - guess(column, row)) ** 2
    variation += (values[row]! - mean) ** 2
  }
  return variation > 0 ? 1 - errors / variation : 0
}

/** Held-out rows whose cells, target included, are also those of a training row; compared by a 53-bit digest. */
function duplicateRows(train: Labelled, heldOut: Labelled, spec: TrainingSpec): number {
  const names = [...spec.features, spec.target]
  const learned = new Set(rowDigests(train.table, names))
  return rowDigests(heldOut.table, names).reduce((count, digest) => count + Number(learned.has(digest)), 0)
}
