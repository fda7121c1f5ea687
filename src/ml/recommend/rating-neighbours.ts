// Ratings by neighbours among the items (Bell and Koren 2007, "Scalable collaborative filtering with jointly derived neighborhood
// interpolation weights", the simple form): biases, and of what they leave the average over the items most alike that the user rated.
import { fitBiasedMf, predictRating } from './biased-mf.ts'
import { type SparseMatrix, transpose } from './feedback.ts'
import type { RatingModel } from './ratings.ts'

export interface NeighbourOptions {
  /** Of those a user rated, at most so many are listened to. */
  readonly neighbours: number
  /** Correlations of few common users are drawn to 0: they count as if so many more had shown none. */
  readonly shrinkage: number
  readonly biasRegularisation: number
}

/** Above this the table of correlations is too large; then the biases answer alone. */
const MOST_ITEMS = 4000
/** A user with more ratings than this costs the square of them. */
const MOST_RATINGS = 1000
/** Added to the sum of the similarities: few and unlike neighbours say little. */
const DOUBT = 0.5

export function fitRatingNeighbours(cells: SparseMatrix, options: NeighbourOptions): RatingModel {
  const { biasRegularisation, neighbours, shrinkage } = options
  const biases = fitBiasedMf(cells, { factors: 0, regularisation: 1, biasRegularisation, iterations: 10, seed: 1 })
  const usual: RatingModel = (user, item) => predictRating(biases, user, item)
  if (cells.columns > MOST_ITEMS) return usual
  const left = leftOf(cells, usual)
  const alike = correlations(left, shrinkage)
  return (user, item) => {
    const said: { readonly likeness: number; readonly left: number }[] = []
    for (let at = left.starts[user]!; at < left.starts[user + 1]!; at++) {
      const other = left.indices[at]!
      const likeness = other === item ? 0 : alike[item * cells.columns + other]!
      if (likeness > 0) said.push({ likeness, left: left.values[at]! })
    }
    if (said.length > neighbours) said.sort((a, b) => b.likeness - a.likeness).length = neighbours
    const weight = said.reduce((sum, { likeness }) => sum + likeness, DOUBT)
    return usual(user, item) + said.reduce((sum, { likeness, left }) => sum + likeness * left, 0) / weight
  }
}

function leftOf(cells: SparseMatrix, usual: RatingModel): SparseMatrix {
  const values = cells.values.slice()
  for (let user = 0; user < cells.rows; user++) {
    for (let at = cells.starts[user]!; at < cells.starts[user + 1]!; at++) {
      values[at]! -= usual(user, cells.indices[at]!)
    }
  }
  return { ...cells, values }
}

/** Items × items, over the users who rated both. */
function correlations(cells: SparseMatrix, shrinkage: number): Float32Array {
  const { columns } = cells
  const byItem = transpose(cells)
  const alike = new Float32Array(columns * columns)
  const sums = {
    products: new Float64Array(columns),
    own: new Float64Array(columns),
    others: new Float64Array(columns),
  }
  const common = new Int32Array(columns)
  for (let item = 0; item < columns; item++) {
    for (const sum of [...Object.values(sums), common]) sum.fill(0)
    for (let at = byItem.starts[item]!; at < byItem.starts[item + 1]!; at++) {
      const user = byItem.indices[at]!
      const [from, to] = [cells.starts[user]!, cells.starts[user + 1]!]
      if (to - from > MOST_RATINGS) continue
      const own = byItem.values[at]!
      for (let cell = from; cell < to; cell++) {
        const [other, value] = [cells.indices[cell]!, cells.values[cell]!]
        sums.products[other]! += own * value
        sums.own[other]! += own * own
        sums.others[other]! += value * value
        common[other]!++
      }
    }
    for (let other = 0; other < columns; other++) {
      const lengths = Math.sqrt(sums.own[other]! * sums.others[other]!)
      if (lengths > 0) {
        alike[item * columns + other] =
          (sums.products[other]! / lengths) * (common[other]! / (common[other]! + shrinkage))
      }
    }
  }
  return alike
}
