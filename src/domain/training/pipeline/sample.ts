// Parts of the training rows on which configurations are compared, and the folds of such a part. Where the folds that were
// asked for cannot be made (a class of one row), plainer ones are: a comparison that leaves one rare class to luck is
// better than none.
import { MlError } from '../../../core/failure.ts'
import { seededRandom, shuffle } from '../../../core/random.ts'
import { foldsShuffled, type Split, splitShuffled, splitStratified } from '../../../ml/split/index.ts'
import { selectRows } from '../../../ml/table.ts'
import type { Labelled } from './rows.ts'
import type { TrainingSpec } from './spec.ts'
import { foldRows } from './split.ts'
import { selectTarget } from './target.ts'

/** Rows of a class that a comparison takes where there are as many: of fewer, some folds have none to learn or to judge. */
const LEAST_OF_CLASS = 20
/** Of the rows, at most, that rare classes add. */
const ADDED_SHARE = 1 / 4

/**
 * `count` rows drawn by lot, classes in proportion; all rows where there are no more. Rare classes are drawn more often, which
 * may add a few rows.
 */
export function someRows(rows: Labelled, count: number, seed: number): Labelled {
  const { table, target } = rows
  if (table.rows <= count) return rows
  const fraction = count / table.rows
  const inProportion = drawn(rows, { fraction, seed })
  const chosen = target.task === 'classification' ? withRareClasses(inProportion, target, seed) : inProportion
  return { table: selectRows(table, chosen), target: selectTarget(target, chosen) }
}

function withRareClasses(
  chosen: Uint32Array,
  { labels, classes }: Extract<Labelled['target'], { task: 'classification' }>,
  seed: number,
): Uint32Array {
  const least = Math.min(LEAST_OF_CLASS, Math.floor((chosen.length * ADDED_SHARE) / classes.length))
  const isChosen = new Uint8Array(labels.length)
  const counts = new Uint32Array(classes.length)
  for (const row of chosen) {
    isChosen[row] = 1
    counts[labels[row]!]!++
  }
  if (counts.every((count) => count >= least)) return chosen
  const left: number[] = []
  for (let row = 0; row < labels.length; row++) {
    if (isChosen[row] === 0 && counts[labels[row]!]! < least) left.push(row)
  }
  for (const row of shuffle(left, seededRandom(seed))) {
    if (counts[labels[row]!]!++ < least) isChosen[row] = 1
  }
  return Uint32Array.from(isChosen.keys()).filter((row) => isChosen[row] === 1)
}

function drawn(
  { table, target }: Labelled,
  options: { readonly fraction: number; readonly seed: number },
): Uint32Array {
  if (target.task === 'classification') {
    try {
      return splitStratified(target.labels, options).test
    } catch (error) {
      if (!isImpossible(error)) throw error
    }
  }
  return splitShuffled(table.rows, options).test
}

export interface FoldPlan {
  readonly spec: TrainingSpec
  readonly folds: number
  /** Other folds of the same rows for each further number. */
  readonly repeats: number
}

/** Undefined where the rows cannot be divided at all. */
export function comparisonFolds(rows: Labelled, { spec, folds, repeats }: FoldPlan): Split[] | undefined {
  const { seed, time_column } = spec.evaluation
  // Folds in time are always the same ones.
  const rounds = time_column === undefined ? repeats : 1
  const all: Split[] = []
  for (let round = 0; round < rounds; round++) {
    const evaluation = { ...spec.evaluation, seed: (seed + round) >>> 0 }
    const found = possibleFolds(rows, { ...spec, evaluation }, folds)
    if (!found) return undefined
    all.push(...found)
  }
  return all
}

function possibleFolds(rows: Labelled, spec: TrainingSpec, folds: number): Split[] | undefined {
  const { time_column, group_column, seed } = spec.evaluation
  const plain = time_column === undefined && group_column === undefined
  const attempts = [
    () => foldRows(rows, { spec, folds }),
    () => foldRows(rows, { spec, folds: 2 }),
    ...(plain
      ? [
          () => foldsShuffled(rows.table.rows, { folds, seed }),
          () => foldsShuffled(rows.table.rows, { folds: 2, seed }),
        ]
      : []),
  ]
  for (const attempt of attempts) {
    try {
      return attempt()
    } catch (error) {
      if (!isImpossible(error)) throw error
    }
  }
  return undefined
}

function isImpossible(error: unknown): boolean {
  return error instanceof MlError && (error.code === 'SPLIT_IMPOSSIBLE' || error.code === 'TRAINING_DATA_INVALID')
}
