import { type FieldError, invalid } from '../../core/failure.ts'
import { seededRandom, shuffle } from '../../core/random.ts'

/** Row indices, rising. */
export interface Split {
  readonly train: Uint32Array
  readonly test: Uint32Array
}

export interface SplitOptions {
  /** Share of the rows that is held out, above 0 and below 1. */
  readonly fraction: number
  readonly seed: number
}

function tooFew(message: string): Error {
  const errors: FieldError[] = [{ field: 'dataset', message }]
  return invalid('training data', errors, 'TRAINING_DATA_INVALID')
}

function requireRows(rows: number, least: number): void {
  if (rows < least)
    throw tooFew(`has ${rows} usable row(s); at least ${least} are needed to learn from some and hold out others`)
}

/** Held out of `rows`: the fraction, rounded, but at least one and never all. */
function heldOut(rows: number, fraction: number): number {
  return Math.min(rows - 1, Math.max(1, Math.round(rows * fraction)))
}

export function randomSplit(rows: number, { fraction, seed }: SplitOptions): Split {
  requireRows(rows, 2)
  const order = shuffle(indices(rows), seededRandom(seed))
  return sorted(order, heldOut(rows, fraction))
}

/**
 * Every class keeps its share in both parts. A class with one row cannot: it goes to the training part.
 * @param classes class index of each row.
 */
export function stratifiedSplit(classes: Int32Array, { fraction, seed }: SplitOptions): Split {
  requireRows(classes.length, 2)
  const byClass = rowsByClass(classes)
  const random = seededRandom(seed)
  const test: number[] = []
  // Largest remainder: the parts of the classes are rounded so that their sum is the rounded whole.
  const shares = [...byClass.values()].map((rows) => {
    shuffle(rows, random)
    const wanted = rows.length * fraction
    const most = rows.length - 1
    return { rows, count: Math.min(most, Math.floor(wanted)), rest: wanted - Math.floor(wanted), most }
  })
  let missing = heldOut(classes.length, fraction) - shares.reduce((sum, share) => sum + share.count, 0)
  for (const share of [...shares].sort((a, b) => b.rest - a.rest)) {
    if (missing <= 0) break
    if (share.count < share.most) {
      share.count++
      missing--
    }
  }
  for (const { rows, count } of shares) test.push(...rows.slice(0, count))
  if (test.length === 0)
    throw tooFew('has one row of each class; give more rows of a class to learn from some and hold out others')
  return partition(classes.length, test)
}

/**
 * The latest rows are held out; rows without a time count as the earliest. Rows of the same time are never parted, because
 * the model would be measured on moments it has seen.
 * @param times any increasing measure; NaN = unknown.
 */
export function timeSplit(times: Float64Array, fraction: number): Split {
  requireRows(times.length, 2)
  const moment = (row: number) => (Number.isNaN(times[row]!) ? Number.NEGATIVE_INFINITY : times[row]!)
  const order = indices(times.length).sort((a, b) => compare(moment(a), moment(b)) || a - b)
  const wanted = times.length - heldOut(times.length, fraction)
  let cut = wanted
  while (cut > 0 && moment(order[cut - 1]!) === moment(order[cut]!)) cut--
  if (cut === 0) {
    cut = wanted
    while (cut < order.length && moment(order[cut - 1]!) === moment(order[cut]!)) cut++
  }
  if (cut === order.length) throw tooFew('has the same time in every row, so there is no later part to hold out')
  return partition(times.length, order.slice(cut))
}

/** Rows of one group stay together, so that nobody is both learned from and measured on. */
export function groupSplit(groups: Int32Array, { fraction, seed }: SplitOptions): Split {
  const byGroup = [...rowsByClass(groups).values()]
  if (byGroup.length < 2) throw tooFew('has rows of one group only; at least two are needed to hold one out')
  shuffle(byGroup, seededRandom(seed))
  const wanted = heldOut(groups.length, fraction)
  const test: number[] = []
  for (const rows of byGroup.slice(0, -1)) {
    if (test.length >= wanted) break
    test.push(...rows)
  }
  return partition(groups.length, test)
}

/**
 * `folds` splits whose test parts together are all rows, each exactly once; with `classes` every fold has its share of each.
 * @param rows number of rows, or the class index of each.
 */
export function kFolds(rows: number | Int32Array, folds: number, seed: number): Split[] {
  const count = typeof rows === 'number' ? rows : rows.length
  requireRows(count, folds)
  const random = seededRandom(seed)
  const groups = typeof rows === 'number' ? [indices(rows)] : [...rowsByClass(rows).values()]
  const tests: number[][] = Array.from({ length: folds }, () => [])
  let next = 0
  for (const group of groups) {
    for (const row of shuffle(group, random)) tests[next++ % folds]!.push(row)
  }
  return tests.map((test) => partition(count, test))
}

function indices(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row)
}

function rowsByClass(classes: Int32Array): Map<number, number[]> {
  const found = new Map<number, number[]>()
  for (const [row, k] of classes.entries()) {
    const rows = found.get(k)
    if (rows) rows.push(row)
    else found.set(k, [row])
  }
  return new Map([...found].sort(([a], [b]) => a - b))
}

function sorted(order: Uint32Array, testCount: number): Split {
  return { test: order.slice(0, testCount).sort(), train: order.slice(testCount).sort() }
}

function partition(count: number, test: ArrayLike<number>): Split {
  const isTest = new Uint8Array(count)
  for (let i = 0; i < test.length; i++) isTest[test[i]!] = 1
  const train = new Uint32Array(count - test.length)
  const held = new Uint32Array(test.length)
  let a = 0
  let b = 0
  for (let row = 0; row < count; row++) {
    if (isTest[row]) held[b++] = row
    else train[a++] = row
  }
  return { train, test: held }
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}
