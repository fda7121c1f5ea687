// A fitted ensemble as the rest of the code wants a model.
import { fail } from '../../../core/failure.ts'
import type { Matrix } from '../../matrix.ts'
import { answersOf } from '../answers.ts'
import type { ClassTarget, FittedModel, LearningTarget } from '../learner.ts'
import { selectMatrixRows } from '../sample.ts'
import type { TreeEnsemble } from './ensemble.ts'
import { treePredictor } from './predict.ts'
import { writeTrees } from './write.ts'

export interface FittedTrees {
  readonly ensemble: TreeEnsemble
  readonly target: LearningTarget
  readonly iterations: number
  /** The training rows. */
  readonly matrix: Matrix
}

export function treeModel(fitted: FittedTrees): FittedModel {
  const { ensemble, target, iterations, matrix } = fitted
  if (!ensemble.base.every(Number.isFinite) || !ensemble.trees.every((tree) => tree.value.every(Number.isFinite))) {
    throw fail(
      'invalid',
      'TRAINING_DIVERGED',
      'The fitted values are too large to store: scale the target, or raise lambda_l2',
    )
  }
  const width = matrix.cols
  const predictor = treePredictor(ensemble)
  const predict = (given: Matrix) => {
    if (given.cols !== width) {
      const message = `The model was fitted on ${width} features and cannot predict from ${given.cols}`
      throw fail('invalid', 'FEATURE_COUNT_MISMATCH', message)
    }
    return predictor(given)
  }
  return {
    iterations,
    converged: true,
    warnings: warningsOf(ensemble, fitted, predict),
    ensemble,
    predict,
    write: (graph, features) => writeTrees(graph, features, { ensemble, target }),
  }
}

function warningsOf(
  { trees }: TreeEnsemble,
  { target, matrix }: FittedTrees,
  predict: FittedModel['predict'],
): string[] {
  if (trees.every((tree) => tree.feature.length === 1)) {
    return [
      'No split was found, so the model gives every row the same answer: add rows or columns, or lower min_data_in_leaf',
    ]
  }
  if (target.task === 'regression') return []
  const { width, values } = predict(selectMatrixRows(matrix, someOfEachClass(target)))
  const answers = new Set(answersOf(values, width, target.preferred))
  const [only] = answers
  if (answers.size !== 1) return []
  const name = JSON.stringify(target.classes[only!])
  return [
    `The model answers ${name} for every training row it was asked about, rows of other classes among them: class_weight "balanced" makes rare classes count, or add rows of them`,
  ]
}

/** Enough to see a second answer where there is one: on its own rows, a class is answered if it ever is. */
const LOOKED_AT = 2000

function someOfEachClass({ labels, classes }: ClassTarget): Uint32Array {
  const quota = Math.max(20, Math.floor(LOOKED_AT / classes.length))
  const taken = new Uint32Array(classes.length)
  const rows: number[] = []
  for (let row = 0; row < labels.length; row++) if (taken[labels[row]!]!++ < quota) rows.push(row)
  return Uint32Array.from(rows)
}
