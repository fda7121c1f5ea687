// What users did with items, as arrays, and its sparse matrices. Everything here counts users and items by number; who they
// are is the caller's business.
export interface Feedback {
  readonly users: Int32Array
  readonly items: Int32Array
  /** How strongly the event speaks for the item; at most 0: it does not. For ratings: the rating. */
  readonly weights: Float32Array
  /** Milliseconds since 1970. */
  readonly times: Float64Array
  readonly userCount: number
  readonly itemCount: number
}

/** Compressed sparse rows, columns ascending within a row. */
export interface SparseMatrix {
  readonly rows: number
  readonly columns: number
  readonly starts: Int32Array
  readonly indices: Int32Array
  readonly values: Float32Array
}

/** The events whose position `keep` accepts, in their order. */
export function filterFeedback(feedback: Feedback, keep: (event: number) => boolean): Feedback {
  const kept: number[] = []
  for (let event = 0; event < feedback.users.length; event++) if (keep(event)) kept.push(event)
  return {
    ...feedback,
    users: Int32Array.from(kept, (event) => feedback.users[event]!),
    items: Int32Array.from(kept, (event) => feedback.items[event]!),
    weights: Float32Array.from(kept, (event) => feedback.weights[event]!),
    times: Float64Array.from(kept, (event) => feedback.times[event]!),
  }
}

/** Users × items; several events of a pair are added up, and what does not speak for the item is left out. */
export function preferenceMatrix(feedback: Feedback): SparseMatrix {
  return matrixOf(feedback, 'sum')
}

/** Users × items; of several ratings of a pair the latest counts. */
export function ratingMatrix(feedback: Feedback): SparseMatrix {
  return matrixOf(feedback, 'latest')
}

function matrixOf({ users, items, weights, times, userCount, itemCount }: Feedback, rule: 'sum' | 'latest') {
  const cells: Map<number, { value: number; time: number }>[] = Array.from({ length: userCount }, () => new Map())
  for (let event = 0; event < users.length; event++) {
    const value = weights[event]!
    if (rule === 'sum' && !(value > 0)) continue
    const row = cells[users[event]!]!
    const known = row.get(items[event]!)
    const time = times[event]!
    if (!known) row.set(items[event]!, { value, time })
    else if (rule === 'sum') known.value += value
    else if (time >= known.time) row.set(items[event]!, { value, time })
  }
  return fromRows(
    cells.map((row) => [...row].map(([column, { value }]) => [column, value] as const)),
    itemCount,
  )
}

export function fromRows(rows: readonly (readonly (readonly [number, number])[])[], columns: number): SparseMatrix {
  const starts = new Int32Array(rows.length + 1)
  for (const [row, cells] of rows.entries()) starts[row + 1] = starts[row]! + cells.length
  const indices = new Int32Array(starts[rows.length]!)
  const values = new Float32Array(indices.length)
  for (const [row, cells] of rows.entries()) {
    const sorted = [...cells].sort((a, b) => a[0] - b[0])
    for (const [at, [column, value]] of sorted.entries()) {
      indices[starts[row]! + at] = column
      values[starts[row]! + at] = value
    }
  }
  return { rows: rows.length, columns, starts, indices, values }
}

export function transpose({ rows, columns, starts, indices, values }: SparseMatrix): SparseMatrix {
  const counts = new Int32Array(columns + 1)
  for (const column of indices) counts[column + 1]!++
  for (let column = 0; column < columns; column++) counts[column + 1]! += counts[column]!
  const next = counts.slice()
  const turned = { indices: new Int32Array(indices.length), values: new Float32Array(indices.length) }
  for (let row = 0; row < rows; row++) {
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      const to = next[indices[at]!]!++
      turned.indices[to] = row
      turned.values[to] = values[at]!
    }
  }
  return { rows: columns, columns: rows, starts: counts, ...turned }
}

/** Number of cells of each row. */
export function supportOf({ rows, starts }: SparseMatrix): Int32Array {
  return Int32Array.from({ length: rows }, (_, row) => starts[row + 1]! - starts[row]!)
}
