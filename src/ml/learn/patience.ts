// How many iterations of a logistic regression somebody waits for. One iteration over classes by the thousand is billions of
// products; but those come near the minimum in ten or twenty, so the search may end there, and says so. Counted in products and
// not in seconds, because a model must not depend on the machine.
import type { Matrix } from '../matrix.ts'
import { unlearnable } from './check-data.ts'

/** All iterations together: one or two minutes. */
const MOST_PRODUCTS = 4e10
const FEWEST_ITERATIONS = 10
/** So many times as long is waited for the fewest. */
const LONGEST = 2
/** What an exponential and its share cost, in products. */
const PER_SCORE = 8
/** Whoever asks for more iterations than this has more time. */
const USUAL_ITERATIONS = 300

export interface Asked {
  readonly outputs: number
  /** Searches, for folds and strengths. */
  readonly fits: number
  /** `max_iterations` of each. */
  readonly asked: number
}

/** Throws TRAINING_DATA_INVALID where even the fewest take too long. */
export function patientIterations(matrix: Matrix, { outputs, fits, asked }: Asked): number {
  const values = matrix.form === 'dense' ? matrix.rows * matrix.cols : matrix.indices.length
  const products = fits * outputs * (2 * values + PER_SCORE * matrix.rows)
  const possible = (MOST_PRODUCTS / products) * Math.max(1, asked / USUAL_ITERATIONS)
  const least = Math.min(asked, FEWEST_ITERATIONS)
  if (possible * LONGEST >= least) return Math.min(asked, Math.max(least, Math.floor(possible)))
  const times = fits > 1 ? `, searched ${fits} times,` : ''
  const problem = `${Math.max(2, outputs)} classes × ${matrix.rows} rows of ${matrix.cols} features${times} take logistic regression longer than anybody waits`
  const remedy = 'merge rare classes, train on fewer rows, or raise max_iterations to wait all the same'
  throw unlearnable(problem, remedy, { about: 'target' })
}
