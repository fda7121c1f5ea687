// Which class was taken for which. With very many classes the matrix itself would be mostly zeros and too large to store,
// so only the most frequent mistakes are kept.

export interface Confusion {
  /** matrix[actual][predicted], rows counted; null above MAX_MATRIX_CLASSES classes. */
  readonly matrix: readonly (readonly number[])[] | null
  /** The most frequent mistakes, most frequent first. */
  readonly mistakes: readonly { readonly actual: string; readonly predicted: string; readonly count: number }[]
}

const MAX_MATRIX_CLASSES = 100
const MAX_MISTAKES = 50

export interface ConfusionCounts {
  readonly hits: Float64Array
  /** Rows of each class. */
  readonly actual: Float64Array
  /** Rows predicted to be of each class. */
  readonly guessed: Float64Array
}

export function countConfusion(labels: Int32Array, predicted: Int32Array, classes: number): ConfusionCounts {
  const hits = new Float64Array(classes)
  const actual = new Float64Array(classes)
  const guessed = new Float64Array(classes)
  for (let row = 0; row < labels.length; row++) {
    actual[labels[row]!]!++
    guessed[predicted[row]!]!++
    if (labels[row] === predicted[row]) hits[labels[row]!]!++
  }
  return { hits, actual, guessed }
}

export function reportConfusion(labels: Int32Array, predicted: Int32Array, classes: readonly string[]): Confusion {
  const width = classes.length
  const counts = new Map<number, number>()
  for (let row = 0; row < labels.length; row++) {
    const cell = labels[row]! * width + predicted[row]!
    counts.set(cell, (counts.get(cell) ?? 0) + 1)
  }
  const mistakes = [...counts]
    .filter(([cell]) => Math.floor(cell / width) !== cell % width)
    .sort(([cellA, a], [cellB, b]) => b - a || cellA - cellB)
    .slice(0, MAX_MISTAKES)
    .map(([cell, count]) => ({ actual: classes[Math.floor(cell / width)]!, predicted: classes[cell % width]!, count }))
  if (width > MAX_MATRIX_CLASSES) return { matrix: null, mistakes }
  const matrix = classes.map((_, actual) => classes.map((_, guess) => counts.get(actual * width + guess) ?? 0))
  return { matrix, mistakes }
}
