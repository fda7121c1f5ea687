// What no algorithm can learn from, refused before it starts: each message says where the fault is and what to do.
import { fail, type MlError } from '../../core/failure.ts'
import type { Matrix } from '../matrix.ts'
import type { FitInput, LearningTarget } from './learner.ts'

/** Index arithmetic in the inner loops is 32-bit. */
const MAX_VALUES = 2 ** 31 - 1

export function unlearnable(problem: string, remedy: string, details: Record<string, unknown> = {}): MlError {
  return fail('invalid', 'TRAINING_DATA_INVALID', `${problem}: ${remedy}`, { details: { remedy, ...details } })
}

export interface DataChecks {
  /** `allowed`: the algorithm learns from gaps itself, so NaN is no fault. */
  readonly gaps: 'refused' | 'allowed'
}

/** Throws `invalid` TRAINING_DATA_INVALID. */
export function checkData(
  { matrix, target, sampleWeights }: FitInput,
  { gaps }: DataChecks = { gaps: 'refused' },
): void {
  const { rows, cols } = matrix
  if (rows === 0) throw unlearnable('There are no rows to learn from', 'add rows that have a target')
  if (cols === 0) throw unlearnable('There are no features to learn from', 'choose at least one column as a feature')
  if (matrix.values.length > MAX_VALUES) {
    const problem = `The encoded table has ${matrix.values.length} values, more than one matrix can hold`
    throw unlearnable(problem, 'train on fewer rows or fewer columns')
  }
  if (gaps === 'refused') checkFeatures(matrix)
  if (sampleWeights) checkWeights(sampleWeights, rows)
  checkTarget(target, rows, sampleWeights)
}

function checkFeatures({ form, values, ...matrix }: Matrix): void {
  if (allFinite(values)) return
  const at = values.findIndex((value) => !Number.isFinite(value))
  const column = form === 'dense' ? at % matrix.cols : (matrix as { indices: Uint32Array }).indices[at]!
  const problem = `Feature ${column} holds ${values[at]}, which is not a number to learn from`
  throw unlearnable(problem, 'fill in missing values and remove infinite ones before training', { feature: column })
}

/** 0 times a finite number is 0, times any other NaN. Four sums, because one addition would wait for the other. */
function allFinite(values: Float32Array): boolean {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let i = 0
  for (; i + 4 <= values.length; i = (i + 4) | 0) {
    a += 0 * values[i]!
    b += 0 * values[(i + 1) | 0]!
    c += 0 * values[(i + 2) | 0]!
    d += 0 * values[(i + 3) | 0]!
  }
  for (; i < values.length; i++) a += 0 * values[i]!
  return a + b + c + d === 0
}

function checkWeights(weights: Float64Array, rows: number): void {
  if (weights.length !== rows) {
    const problem = `There are ${weights.length} sample weights for ${rows} rows`
    throw unlearnable(problem, 'give one weight for each row')
  }
  const bad = weights.findIndex((weight) => !(weight >= 0) || !Number.isFinite(weight))
  if (bad >= 0) {
    const problem = `The sample weight of row ${bad} is ${weights[bad]}`
    throw unlearnable(problem, 'weights must be numbers of at least 0', { row: bad })
  }
  if (weights.every((weight) => weight === 0)) {
    throw unlearnable('Every sample weight is 0', 'give some rows a weight above 0')
  }
}

function checkTarget(target: LearningTarget, rows: number, weights?: Float64Array): void {
  const given = target.task === 'classification' ? target.labels.length : target.values.length
  if (given !== rows) throw unlearnable(`There are ${given} targets for ${rows} rows`, 'give one target for each row')
  if (target.task === 'regression') {
    const bad = target.values.findIndex((value) => !Number.isFinite(value))
    if (bad < 0) return
    const problem = `The target of row ${bad} is ${target.values[bad]}`
    throw unlearnable(problem, 'leave out rows without a finite target', { row: bad })
  }
  const { labels, classes } = target
  const bad = labels.findIndex((label) => !(label >= 0 && label < classes.length))
  if (bad >= 0) {
    const problem = `The target of row ${bad} is class ${labels[bad]} of ${classes.length}`
    throw unlearnable(problem, 'leave out rows without a known class', { row: bad })
  }
  const first = labels.find((_, row) => !weights || weights[row]! > 0)!
  if (labels.every((label, row) => label === first || weights?.[row] === 0)) {
    const problem = `Every row is of class ${JSON.stringify(classes[first])}, so there is nothing to tell apart`
    throw unlearnable(problem, 'add rows of another class, or choose another target')
  }
}
