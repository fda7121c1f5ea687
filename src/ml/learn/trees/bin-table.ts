// Sorts the training matrix into bins. One thread reads the columns, a few at a time, and all that are up take the next one that
// nobody has taken: a column is sorted by itself, so who does it makes no difference.
import type { FeatureInfo } from '../../features.ts'
import type { Matrix } from '../../matrix.ts'
import { COLUMNS_AT_ONCE, type Sorting } from './arena.ts'
import { type BinningOptions, columnBinner, type FeatureBins } from './binning.ts'
import { PLACED, READ, TAKEN, waitUntil } from './control.ts'
import { columnReader } from './read-columns.ts'

export interface SortTask {
  /** By feature. */
  readonly kinds: readonly FeatureInfo['kind'][]
  readonly options: BinningOptions
}

/** Bins by feature. */
export type Found = Map<number, FeatureBins>

/** The thread that has the matrix; what it has sorted itself. Returns when every column is sorted. */
export function sortTable(matrix: Matrix, sorting: Sorting, task: SortTask): Found {
  const { control, values, plan } = sorting
  const read = columnReader(matrix)
  const found: Found = new Map()
  const sortRead = sorter(sorting, task, found)
  for (let first = 0; first < plan.features; first += COLUMNS_AT_ONCE) {
    const end = Math.min(plan.features, first + COLUMNS_AT_ONCE)
    read(first, values.subarray(0, (end - first) * plan.rows))
    Atomics.store(control, READ, end)
    Atomics.notify(control, READ)
    sortRead()
    // The next columns take the place of these.
    waitUntil(control, PLACED, () => Atomics.load(control, PLACED) === end)
  }
  return found
}

/** Another thread; what it has sorted. Returns when every column is sorted or in work. */
export function helpToSort(sorting: Sorting, task: SortTask): Found {
  const { control, plan } = sorting
  const found: Found = new Map()
  const sortRead = sorter(sorting, task, found)
  for (;;) {
    const read = Atomics.load(control, READ)
    sortRead()
    if (read === plan.features) return found
    waitUntil(control, READ, () => Atomics.load(control, READ) !== read)
  }
}

/** Sorts columns that have been read until none is left. */
function sorter({ control, values, columns, plan }: Sorting, { kinds, options }: SortTask, found: Found): () => void {
  const { rows } = plan
  const sortColumn = columnBinner(rows, options)
  return () => {
    for (let feature = take(control); feature >= 0; feature = take(control)) {
      const from = (feature % COLUMNS_AT_ONCE) * rows
      const into = columns.subarray(feature * rows, (feature + 1) * rows)
      found.set(feature, sortColumn(kinds[feature]!, values.subarray(from, from + rows), into))
      Atomics.add(control, PLACED, 1)
      Atomics.notify(control, PLACED)
    }
  }
}

/** A column that has been read and nobody has taken; -1 for none. */
function take(control: Int32Array): number {
  for (;;) {
    const next = Atomics.load(control, TAKEN)
    if (next >= Atomics.load(control, READ)) return -1
    if (Atomics.compareExchange(control, TAKEN, next, next + 1) === next) return next
  }
}
