// A fitted ensemble as the rest of the code wants a model.
import { fail } from '../../../core/failure.ts'
import type { Matrix } from '../../matrix.ts'
import type { FittedModel, LearningTarget } from '../learner.ts'
import type { TreeEnsemble } from './ensemble.ts'
import { predictTrees } from './predict.ts'
import { writeTrees } from './write.ts'

export interface FittedTrees {
  readonly ensemble: TreeEnsemble
  readonly target: LearningTarget
  readonly iterations: number
  /** The training rows. */
  readonly matrix: Matrix
}

export function treeModel({ ensemble, target, iterations, matrix }: FittedTrees): FittedModel {
  if (!ensemble.base.every(Number.isFinite) || !ensemble.trees.every((tree) => tree.value.every(Number.isFinite))) {
    throw fail(
      'invalid',
      'TRAINING_DIVERGED',
      'The fitted values are too large to store: scale the target, or raise lambda_l2',
    )
  }
  const width = matrix.cols
  const predict = (given: Matrix) => {
    if (given.cols !== width) {
      const message = `The model was fitted on ${width} features and cannot predict from ${given.cols}`
      throw fail('invalid', 'FEATURE_COUNT_MISMATCH', message)
    }
    return predictTrees(ensemble, given)
  }
  return {
    iterations,
    converged: true,
    warnings: warningsOf(ensemble, target, () => predict(firstRows(matrix))),
    ensemble,
    predict,
    write: (graph, features) => writeTrees(graph, features, { ensemble, target }),
  }
}

function warningsOf(
  { trees }: TreeEnsemble,
  target: LearningTarget,
  predictSome: () => ReturnType<FittedModel['predict']>,
): string[] {
  if (trees.every((tree) => tree.feature.length === 1)) {
    return [
      'No split was found, so the model gives every row the same answer: add rows or columns, or lower min_data_in_leaf',
    ]
  }
  if (target.task === 'regression') return []
  const { rows, width, values } = predictSome()
  const answers = new Set<number>()
  for (let row = 0; row < rows && answers.size < 2; row++) {
    const own = values.subarray(row * width, (row + 1) * width)
    answers.add(own.indexOf(Math.max(...own)))
  }
  const [only] = answers
  if (answers.size !== 1) return []
  const name = JSON.stringify(target.classes[only!])
  return [
    `The model answers ${name} for every row it was looked at with: the other classes are rare; class_weight "balanced" makes them count, and probabilities still differ`,
  ]
}

/** Enough to see more than one answer where there is more than one. */
const LOOKED_AT = 20_000

function firstRows(matrix: Matrix): Matrix {
  const rows = Math.min(matrix.rows, LOOKED_AT)
  if (matrix.form === 'dense') return { ...matrix, rows, values: matrix.values.subarray(0, rows * matrix.cols) }
  return { ...matrix, rows }
}
